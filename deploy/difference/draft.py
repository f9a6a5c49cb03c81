"""The plan in the making: what it is made from, its steps so far, and the values that are known already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from deploy.actual import Actual
from deploy.commands import Commands
from deploy.desired import Desired
from deploy.record import Recorded
from deploy.settings import Settings
from deploy.steps import Action, Command, Note, Plan, Resource, Step, Verb, value_name


@dataclass
class Draft:
    """Collects steps. A need that is not planned is met already, and left out."""

    desired: Desired
    actual: Actual
    recorded: Recorded
    settings: Settings
    rebuild: frozenset[str] = frozenset()
    new_key: str = "guichet-new"
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
        """All services of a release."""
        return [*self.routed, self.settings.page]

    def created(self, resource: Resource) -> bool:
        """Whether the record says that an earlier run created it."""
        return str(resource) in self.recorded.created

    def planned(self, step: str) -> bool:
        """Whether there is such a step."""
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
        """Adds a step."""
        before = tuple(need for need in dict.fromkeys(needs) if self.planned(need))
        self.steps.append(Step(step, verb, what, why, before, tuple(actions), tuple(notes), tuple(forgets)))

    def know(self, what: str, name: str, value: str) -> None:
        """Notes a value that no step has to find out."""
        self.known[value_name(what, name)] = value

    def secret(self, name: str, account: str, part: str, reader: str) -> None:
        """A secret, and the one account that may read it; `part` of the record says who that is."""
        there, member = name in self.actual.secrets, f"serviceAccount:{self.settings.account(account)}"
        actions: list[Action] = []
        if not there:
            actions.append(Command(self.commands.create_secret(name), creates=(Resource("secret", name),)))
        if not there or reader != member:
            actions.append(Command(self.commands.allow_reading(name, member)))
        if actions:
            self.add(
                f"secret {name}",
                "change" if there else "create",
                f"secret {name}",
                actions,
                why="its reader is not recorded" if there else "",
                needs=["enable", f"account {account}"],
                notes=[Note((part, "reader"), member)],
            )
