"""Plans: steps in the order of their dependencies, each with a few actions.

Texts may contain placeholders, `${NAME}`, for values that an earlier action yields, such as a service's URL. The
notation is the shell's, so a plan translates to a script as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from deploy.cloud.resources import Resource
from deploy.plan.reference_scores import ReferenceScores
from deploy.recorded_state import Note

PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")

Verb = Literal["create", "change", "remove", "check"]


@dataclass(frozen=True)
class WriteFile:
    """Write a file that the next commands read: a manifest or a document."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """Run a gcloud command.

    `yields` names the words of its output; `reads` is a command whose output becomes its standard input. Resources in
    `creates` are recorded before the command runs, and may exist already; the resource in `removes` is taken off the
    record afterwards, and may be absent already. If an `optional` command fails, the plan continues, and the resource
    in `removes` stays on the record.
    """

    argv: tuple[str, ...]
    yields: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    creates: tuple[Resource, ...] = ()
    removes: Resource | None = None
    optional: bool = False


@dataclass(frozen=True)
class WaitUntilReady:
    """Wait until Google has finished creating the resource; `show` is a command that prints its state."""

    resource: Resource
    show: tuple[str, ...]


@dataclass(frozen=True)
class ContentName:
    """Derive a name from a file's content: the prefix and twelve hex digits of the SHA-256."""

    path: str
    prefix: str
    yields: str


@dataclass(frozen=True)
class BaseUrl:
    """Derive the base URL of a host."""

    host: str
    yields: str


@dataclass(frozen=True)
class BuildImage:
    """Submit a build and wait for it; `argv` is empty if an earlier run has submitted the build `build`."""

    image: str
    uri: str
    content: str
    argv: tuple[str, ...]
    yields: str
    build: str = ""
    creates: tuple[Resource, ...] = ()


@dataclass(frozen=True)
class SmokeTest:
    """Request every route through the gateway, and compare scores with the `references`.

    If one fails, `undo` resets the gateway to its `former` config.
    """

    address: str
    routes: tuple[str, ...]
    key: tuple[str, ...]
    former: str = ""
    undo: tuple[str, ...] = ()
    references: tuple[ReferenceScores, ...] = ()


@dataclass(frozen=True)
class RecordRelease:
    """Record the deployment as a release; the texts in `services` may contain placeholders."""

    config: str
    document: str
    models: tuple[str, ...]
    services: Mapping[str, Mapping[str, str | int | float]]
    rolled_back_to: int | None = None


Action = WriteFile | Command | WaitUntilReady | ContentName | BaseUrl | BuildImage | SmokeTest | RecordRelease


@dataclass(frozen=True)
class Step:
    """Actions that succeed or fail together; `why` is the difference that makes the step necessary."""

    id: str
    verb: Verb
    what: str
    why: str = ""
    needs: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    notes: tuple[Note, ...] = ()
    forgets: tuple[Resource, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Steps, each after those it needs, remarks for the user, and the placeholder values that are known already."""

    steps: tuple[Step, ...] = ()
    remarks: tuple[str, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for step in self.steps:
            if missing := set(step.needs) - seen:
                raise ValueError(f"step {step.id} needs {min(missing)}, which is not an earlier step")
            seen.add(step.id)

    @property
    def commands(self) -> Iterator[Command | BuildImage | SmokeTest]:
        """The actions that send requests, in order."""
        for step in self.steps:
            for action in step.actions:
                if isinstance(action, Command | BuildImage | SmokeTest):
                    yield action


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with every placeholder replaced by its value."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def all_filled(argv: Iterable[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """The command line with its placeholders replaced."""
    return tuple(filled(word, values) for word in argv)


def content_name(prefix: str, content: bytes) -> str:
    """The prefix and twelve hex digits of the content's SHA-256."""
    return prefix + hashlib.sha256(content).hexdigest()[:12]


def base_url(host: str) -> str:
    """The base URL of a host: https, or http on loopback."""
    loopback = host.partition(":")[0] in ("localhost", "127.0.0.1")
    return f"{'http' if loopback else 'https'}://{host}"


def value_name(kind: str, name: str) -> str:
    """The name of a placeholder: `address` and `guichet-page` give ADDRESS_GUICHET_PAGE."""
    return f"{kind}_{name}".upper().replace("-", "_")


def placeholder(name: str) -> str:
    """`NAME` -> `${NAME}`."""
    return f"${{{name}}}"
