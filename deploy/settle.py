"""Waits until what Google is still changing has come to rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from deploy.actual import MOVING, Actual, parse_service
from deploy.commands import Commands
from deploy.errors import StepFailed
from deploy.google import GatewayApi
from deploy.runner import Gcloud
from deploy.settings import Settings
from deploy.steps import Resource

LONGEST_SECONDS = 20 * 60.0


@dataclass
class Settler:
    """Asks again and again, longer and longer apart."""

    settings: Settings
    gcloud: Gcloud
    api: GatewayApi
    clock: Callable[[], float] = time.monotonic

    def wait(self, resource: Resource, tell: Callable[[str], None] = lambda _: None) -> None:
        """Until the resource is there and at rest; StepFailed if its creation failed or takes too long."""
        state = self._until(lambda: self._state(resource), tell, str(resource))
        if state == "FAILED":
            raise StepFailed(f"The creation of {resource} failed at Google's: run again, and it is made anew.")

    def wait_for_all(self, read: Callable[[], Actual], tell: Callable[[str], None]) -> Actual:
        """The state, once nothing in it is moving."""
        found: list[Actual] = []

        def state() -> str:
            found[:] = [read()]
            moving = found[0].moving
            if moving:
                tell(f"Waiting for a change that is under way: {', '.join(moving)}")
            return "UPDATING" if moving else "ACTIVE"

        self._until(state, lambda _: None, "what is under way")
        return found[0]

    def _until(self, state: Callable[[], str], tell: Callable[[str], None], what: str) -> str:
        end, pause = self.clock() + LONGEST_SECONDS, 1.0
        while (found := state()) in MOVING or not found:
            if self.clock() > end:
                raise StepFailed(
                    f"{what} did not come to rest within {LONGEST_SECONDS / 60:.0f} minutes: run again later."
                )
            tell(f"waiting for {what}")
            self.gcloud.sleep(pause)
            pause = min(pause * 1.5, 10)
        return found

    def _state(self, resource: Resource) -> str:
        """Google's word for the state; empty where the resource cannot be seen yet."""
        commands, name = Commands(self.settings), resource.name
        match resource.kind:
            case "api":
                return self.api.apis().get(name, ("", ""))[0]
            case "config":
                return self.api.configs().get(name, "")
            case "gateway":
                found = self.api.gateways().get(name)
                return found.state if found else ""
            case "service":
                service = parse_service(self.gcloud.json(commands.describe_service(name)))
                return {None: "UPDATING", True: "ACTIVE", False: "FAILED"}[service.ready]
            case "repository":
                return self._listed(commands.list_repositories(), "name", name)
            case "account":
                return self._listed(commands.list_accounts(), "email", self.settings.account(name))
            case "secret":
                return self._listed(commands.list_secrets(), "name", name)
            case "key":
                return self._listed(commands.list_keys(), "name", name)
        return "ACTIVE"

    def _listed(self, argv: tuple[str, ...], field: str, name: str) -> str:
        items = self.gcloud.json(argv) or []
        return "ACTIVE" if any(item[field].rsplit("/", 1)[-1] == name for item in items) else ""
