"""What a plan is made of: steps, in an order that their needs allow, each a few actions.

Texts in it may hold `${NAME}`: a value that an earlier action yields, such as a service's address. The notation is the
shell's, so that the script of a plan needs no translation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

PACKED = ".gz.b64"
PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")

Verb = Literal["create", "change", "remove", "check"]
Kind = Literal[
    "enabled API",
    "repository",
    "account",
    "image",
    "service",
    "secret",
    "api",
    "config",
    "gateway",
    "managed service",
    "key",
]


@dataclass(frozen=True, order=True)
class Resource:
    """One thing in the cloud; its text is its line in deliverables.yaml."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Write:
    """A file that the next commands read: a manifest or the document.

    Where its name says so it is compressed by gzip, and in base64: a secret is text, of 64 KiB at most.
    """

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """A gcloud command that a person could type.

    `yields` names the words of its output; `reads` is a command whose output it takes on standard input. `creates` is
    listed as created beforehand, and being there already is no failure; `removes` is taken off the list afterwards, and
    being absent already is none. A failure of an `optional` command is said, and no more.
    """

    argv: tuple[str, ...]
    yields: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    creates: tuple[Resource, ...] = ()
    removes: Resource | None = None
    optional: bool = False


@dataclass(frozen=True)
class Fingerprint:
    """The name that follows from a file's content: prefix and twelve hex digits of its SHA-256."""

    path: str
    prefix: str
    yields: str


@dataclass(frozen=True)
class Origin:
    """The address of a host: https, or http where the host is this machine's loopback."""

    host: str
    yields: str


@dataclass(frozen=True)
class Build:
    """A Cloud Build submission followed to its end; `argv` is empty where the build `build` is under way already."""

    image: str
    uri: str
    content: str
    argv: tuple[str, ...]
    yields: str
    build: str = ""
    creates: tuple[Resource, ...] = ()


@dataclass(frozen=True)
class Prove:
    """A first request through the gateway to every route; when one fails, `undo` puts the gateway back to `former`."""

    address: str
    routes: tuple[str, ...]
    key: tuple[str, ...]
    former: str = ""
    undo: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conclude:
    """Records what was proven as a release; the texts of `services` may hold placeholders."""

    config: str
    document: str
    models: tuple[str, ...]
    services: Mapping[str, Mapping[str, str | int | float]]
    rolled_back_to: int | None = None


Action = Write | Command | Fingerprint | Origin | Build | Prove | Conclude


@dataclass(frozen=True)
class Note:
    """A value for deliverables.yaml, at a path of keys; None removes the key."""

    path: tuple[str, ...]
    value: str | int | Mapping[str, str | None] | None = None


@dataclass(frozen=True)
class Step:
    """Actions that succeed or fail together; `why` says what differs from what is there."""

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
    """Steps in a possible order, and remarks on what a person should know."""

    steps: tuple[Step, ...] = ()
    remarks: tuple[str, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for step in self.steps:
            if missing := set(step.needs) - seen:
                raise ValueError(f"step {step.id} needs {min(missing)}, which does not come before it")
            seen.add(step.id)

    @property
    def commands(self) -> Iterator[Command | Build | Prove]:
        """The actions that touch the cloud, in order."""
        for step in self.steps:
            for action in step.actions:
                if isinstance(action, Command | Build | Prove):
                    yield action


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with every placeholder replaced by its value."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def all_filled(argv: Iterable[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """The command line with its placeholders replaced."""
    return tuple(filled(word, values) for word in argv)


def fingerprint(prefix: str, content: bytes) -> str:
    """A name that follows from a content."""
    return prefix + hashlib.sha256(content).hexdigest()[:12]


def origin(host: str) -> str:
    """The address of a host: https, or http where the host is this machine's loopback."""
    loopback = host.partition(":")[0] in ("localhost", "127.0.0.1")
    return f"{'http' if loopback else 'https'}://{host}"


def value_name(kind: str, name: str) -> str:
    """The name of a value: `ADDRESS`, `guichet-page` give ADDRESS_GUICHET_PAGE."""
    return f"{kind}_{name}".upper().replace("-", "_")


def placeholder(name: str) -> str:
    """How a text refers to the value `name`."""
    return f"${{{name}}}"
