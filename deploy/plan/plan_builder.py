"""Builds a plan step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CurrentState
from deploy.cloud.resources import Resource
from deploy.plan.desired_state import DesiredState
from deploy.plan.steps import Action, Command, Plan, Step, Verb, value_name
from deploy.recorded_state import Note, RecordedState
from deploy.settings import DeploySettings


@dataclass
class PlanBuilder:
    """The inputs of a plan, its steps so far, and the placeholder values that are known already.

    If `staging`, changed services keep their traffic on the present revision.
    """

    desired: DesiredState
    current: CurrentState
    recorded: RecordedState
    settings: DeploySettings
    rebuild: frozenset[str] = frozenset()
    new_key: str = "guichet-new"
    staging: bool = False
    steps: list[Step] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        return Plan(tuple(self.steps), tuple(self.remarks), dict(self.known))

    @property
    def commands(self) -> Commands:
        return Commands(self.settings)

    @property
    def routed(self) -> list[str]:
        """The services behind the gateway."""
        return [*(model.service for model in self.desired.models), self.settings.directory]

    @property
    def serving(self) -> list[str]:
        """All services that a release records."""
        page = self.settings.page
        known = self.desired.page or value_name("revision", page) in self.known
        return [*self.routed, *([page] if known else [])]

    def created(self, resource: Resource) -> bool:
        """Whether an earlier run created the resource, according to the record."""
        return str(resource) in self.recorded.created

    def planned(self, step: str) -> bool:
        """Whether the plan has the step."""
        return any(planned.id == step for planned in self.steps)

    def add(
        self,
        step: str,
        verb: Verb,
        what: str,
        actions: Iterable[Action] = (),
        *,
        why: str = "",
        needs: Iterable[str] = (),
        notes: Iterable[Note] = (),
        forgets: Iterable[Resource] = (),
    ) -> None:
        """Adds a step. Needs that are not in the plan are met already, and left out."""
        before = tuple(need for need in dict.fromkeys(needs) if self.planned(need))
        self.steps.append(Step(step, verb, what, why, before, tuple(actions), tuple(notes), tuple(forgets)))

    def know(self, what: str, name: str, value: str) -> None:
        """Sets a placeholder's value."""
        self.known[value_name(what, name)] = value

    def secret(self, name: str, account: str, part: str, reader: str) -> None:
        """A secret, and the one account that may read it; `part` is the section of the record that names the reader."""
        there, member = name in self.current.secrets, f"serviceAccount:{self.settings.account(account)}"
        readers = self.current.readers.get(name)
        lost = readers is not None and member not in readers
        actions: list[Action] = []
        if not there:
            actions.append(Command(self.commands.create_secret(name), creates=(Resource("secret", name),)))
        if not there or reader != member or lost:
            actions.append(Command(self.commands.allow_reading(name, member)))
        if actions:
            self.add(
                f"secret {name}",
                "change" if there else "create",
                f"secret {name}",
                actions,
                why="" if not there else "its reader lost the permission" if lost else "its reader is not recorded",
                needs=["enable", f"account {account}"],
                notes=[Note((part, "reader"), member)],
            )
