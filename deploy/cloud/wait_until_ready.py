"""Waits until Google has finished changing resources."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from deploy.cloud.api_gateway_client import ApiGatewayClient, last_segment
from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CurrentState, parse_service
from deploy.cloud.gcloud import Gcloud
from deploy.cloud.resources import Resource
from deploy.cloud.states import ACTIVE, CHANGING, FAILED
from deploy.errors import StepFailed
from deploy.settings import DeploySettings

TIMEOUT_SECONDS = 20 * 60.0


@dataclass
class Waiter:
    """Polls with growing pauses."""

    settings: DeploySettings
    gcloud: Gcloud
    api: ApiGatewayClient
    clock: Callable[[], float] = time.monotonic

    def wait_until_ready(self, resource: Resource, tell: Callable[[str], None] = lambda _: None) -> None:
        """Returns once the resource exists and is ready; raises StepFailed if its creation failed or times out."""
        if self._wait(lambda: self._state(resource), tell, str(resource)) == FAILED:
            raise StepFailed(f"Google could not create {resource}: run again to create it anew.")

    def wait_until_idle(self, read: Callable[[], CurrentState], tell: Callable[[str], None]) -> CurrentState:
        """The current state, once Google is changing nothing in it."""
        current = CurrentState()

        def state() -> str:
            nonlocal current
            current = read()
            if current.changing:
                tell(f"Waiting for a change in progress: {', '.join(current.changing)}")
            return "UPDATING" if current.changing else ACTIVE

        self._wait(state, lambda _: None, "a change in progress")
        return current

    def _wait(self, state: Callable[[], str], tell: Callable[[str], None], what: str) -> str:
        end, pause = self.clock() + TIMEOUT_SECONDS, 1.0
        while (found := state()) in CHANGING or not found:
            if self.clock() > end:
                raise StepFailed(
                    f"Timed out after {TIMEOUT_SECONDS / 60:.0f} minutes waiting for {what}: run again later."
                )
            tell(f"waiting for {what}")
            self.gcloud.sleep(pause)
            pause = min(pause * 1.5, 10)
        return found

    def _state(self, resource: Resource) -> str:
        """Google's name for the state; empty while the resource is not visible."""
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
                return {None: "UPDATING", True: ACTIVE, False: FAILED}[service.ready if service else None]
            case "repository":
                return self._listed(commands.list_repositories(), "name", name)
            case "account":
                return self._listed(commands.list_accounts(), "email", self.settings.account(name))
            case "secret":
                return self._listed(commands.list_secrets(), "name", name)
            case "key":
                return self._listed(commands.list_keys(), "name", name)
        return ACTIVE

    def _listed(self, argv: tuple[str, ...], field: str, name: str) -> str:
        items = self.gcloud.json(argv) or []
        return ACTIVE if any(last_segment(item[field]) == name for item in items) else ""
