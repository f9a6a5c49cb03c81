"""The table of what can go wrong with a write, and the deployment that must come out right nevertheless."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from deploy.errors import DeployError
from tests.deploy.cloud.state import Cloud, Fault
from tests.deploy.stand_in import Killed
from tests.deploy.world import World

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
class Trouble:
    """A fault at a write. `deadly` ones kill the tool."""

    name: str
    fault: Callable[[Write], Fault]
    deadly: bool = False


TROUBLES = (
    Trouble("503 twice", lambda write: Fault(write.method, write.pattern, status=503, count=2)),
    Trouble("answer lost", lambda write: Fault(write.method, write.pattern, drop=True, after=True)),
    Trouble("403 without a role", lambda write: Fault(write.method, write.pattern, status=403, message=DENIED)),
    Trouble("429", lambda write: Fault(write.method, write.pattern, status=429, message="Quota exceeded.")),
    Trouble("it starts and fails", lambda write: Fault(write.method, write.pattern, operation="it did not work out")),
    Trouble("killed before", lambda write: Fault(write.method, write.pattern, drop=True), deadly=True),
    Trouble("killed after", lambda write: Fault(write.method, write.pattern, drop=True, after=True), deadly=True),
)


@dataclass(frozen=True)
class Reference:
    """A clean deployment: its writes in order, and what it left in the cloud and in the record."""

    writes: tuple[Write, ...]
    state: dict[str, Any]
    created: frozenset[str]


def reference(world: World) -> Reference:
    """What a clean `up` does."""
    world.up()
    assert not world.plan()
    writes = tuple(Write(entry.method, entry.path) for entry in world.cloud.writes)
    return Reference(writes, world.state(), frozenset(world.recorded.created))


def all_struck(faults: Collection[Fault]) -> bool:
    """Whether every kind of write went wrong; the last of a kind may have been spared, as what was done is not
    repeated."""
    hit = {fault.path for fault in faults if fault.hits}
    return hit == {fault.path for fault in faults}


def up_until_done(world: World, revive: Callable[[], None]) -> int:
    """Runs `up` again and again, as a person would, until nothing is left to do: how many times it took."""
    for runs in range(1, MOST_RUNS):
        try:
            if not world.up():
                return runs
        except (DeployError, Killed):
            revive()
    raise AssertionError(f"after {MOST_RUNS} runs there is still something to do: {world.heard.failures[-3:]}")


def check(world: World, clean: Reference, cloud: Cloud) -> None:
    """Everything is as after a clean deployment, in the cloud and in the record."""
    assert world.state() == clean.state
    recorded = world.recorded
    assert frozenset(recorded.created) == clean.created
    assert recorded.latest
    assert recorded.latest.config == recorded.gateway.config
    assert not cloud.unknown
