"""The table of what can go wrong with a write, and the deployment that must come out right nevertheless."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from deploy.errors import DeployError
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud import Killed
from tests.deploy.fake_google_cloud.state import Cloud, Fault

MOST_RUNS = 40
DENIED = "Permission 'some.permission' denied on resource (or the role is missing)."


@dataclass(frozen=True)
class Write:
    """A request that changes something, as a clean run makes it; names that Google chooses are left open."""

    method: str
    path: str

    @property
    def pattern(self) -> str:
        return "^" + re.escape(self.path) + "$"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class InjectedFault:
    """A fault at a write. `deadly` ones kill the tool."""

    name: str
    fault: Callable[[Write], Fault]
    deadly: bool = False


INJECTED_FAULTS = (
    InjectedFault("503 twice", lambda write: Fault(write.method, write.pattern, status=503, count=2)),
    InjectedFault("answer lost", lambda write: Fault(write.method, write.pattern, drop=True, after=True)),
    InjectedFault("403 without a role", lambda write: Fault(write.method, write.pattern, status=403, message=DENIED)),
    InjectedFault("429", lambda write: Fault(write.method, write.pattern, status=429, message="Quota exceeded.")),
    InjectedFault(
        "it starts and fails", lambda write: Fault(write.method, write.pattern, operation="it did not work out")
    ),
    InjectedFault("killed before", lambda write: Fault(write.method, write.pattern, drop=True), deadly=True),
    InjectedFault("killed after", lambda write: Fault(write.method, write.pattern, drop=True, after=True), deadly=True),
)


@dataclass(frozen=True)
class Reference:
    """A clean deployment: its writes in order, and what it left in the cloud and in the record."""

    writes: tuple[Write, ...]
    state: dict[str, Any]
    created: frozenset[str]


def reference(deployment: Deployment) -> Reference:
    """What a clean `up` does."""
    deployment.up()
    assert not deployment.plan()
    writes = tuple(Write(entry.method, entry.path) for entry in deployment.cloud.writes)
    return Reference(writes, deployment.state(), frozenset(deployment.recorded.created))


def all_struck(faults: Collection[Fault]) -> bool:
    """Whether every kind of write went wrong; the last of a kind may have been spared, as what was done is not
    repeated."""
    hit = {fault.path for fault in faults if fault.hits}
    return hit == {fault.path for fault in faults}


def up_until_done(deployment: Deployment, revive: Callable[[], None]) -> int:
    """Runs `up` again and again, as a person would, until nothing is left to do: how many times it took."""
    for runs in range(1, MOST_RUNS):
        try:
            if not deployment.up():
                return runs
        except (DeployError, Killed):
            revive()
    raise AssertionError(f"after {MOST_RUNS} runs there is still something to do: {deployment.heard.failures[-3:]}")


def check(deployment: Deployment, clean: Reference, cloud: Cloud) -> None:
    """Everything is as after a clean deployment, in the cloud and in the record."""
    assert deployment.state() == clean.state
    recorded = deployment.recorded
    assert frozenset(recorded.created) == clean.created
    assert recorded.latest
    assert recorded.latest.config == recorded.gateway.config
    assert not cloud.unknown
