"""Faults to inject into writes, and the check that a deployment ends correctly in spite of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from deploy.errors import DeployError
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud_requests import Killed
from tests.deploy.fake_google_cloud.state import Cloud, Fault

MOST_RUNS = 80
DENIED = "Permission 'some.permission' denied on resource (or the role is missing)."


@dataclass(frozen=True)
class WriteRequest:
    """A request of a clean run that changes something."""

    method: str
    path: str

    @property
    def pattern(self) -> str:
        return "^" + re.escape(self.path) + "$"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class InjectedFault:
    """A fault of a write; `deadly` faults kill the tool."""

    name: str
    fault: Callable[[WriteRequest], Fault]
    deadly: bool = False


INJECTED_FAULTS = (
    InjectedFault("503 twice", lambda write: Fault(write.method, write.pattern, status=503, count=2)),
    InjectedFault("response lost", lambda write: Fault(write.method, write.pattern, drop=True, after=True)),
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
    """A deployment without faults: its writes, the state of the cloud and the record."""

    writes: tuple[WriteRequest, ...]
    state: dict[str, Any]
    created: frozenset[str]


def reference(deployment: Deployment) -> Reference:
    """Runs `up` without faults."""
    deployment.up()
    assert not deployment.plan()
    writes = tuple(WriteRequest(entry.method, entry.path) for entry in deployment.cloud.writes)
    return Reference(writes, deployment.state(), frozenset(deployment.recorded.created))


def all_struck(faults: Collection[Fault]) -> bool:
    """Whether every kind of write failed. The last of a kind may succeed, as finished steps are not repeated."""
    hit = {fault.path for fault in faults if fault.hits}
    return hit == {fault.path for fault in faults}


def up_until_done(deployment: Deployment, revive: Callable[[], None]) -> int:
    """Runs `up` until nothing is left to do; returns the number of runs."""
    for runs in range(1, MOST_RUNS):
        try:
            if not deployment.up():
                return runs
        except (DeployError, Killed):
            revive()
    raise AssertionError(f"after {MOST_RUNS} runs there is still something to do: {deployment.heard.failures[-3:]}")


def check(deployment: Deployment, clean: Reference, cloud: Cloud) -> None:
    """Asserts that cloud and record are as after a clean deployment."""
    assert deployment.state() == clean.state
    recorded = deployment.recorded
    assert frozenset(recorded.created) == clean.created
    assert recorded.latest
    assert recorded.latest.config == recorded.gateway.config
    assert not cloud.unknown
