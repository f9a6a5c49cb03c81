"""deliverables.yaml: what was deployed, as checked objects; written whole or not at all, by one run at a time."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from deploy.errors import RecordError
from deploy.settings import Settings
from deploy.steps import Kind, Note, Resource

KEPT_RELEASES = 10


class Entry(BaseModel):
    """What all parts of the record share."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class ImageEntry(Entry):
    """An image: `content` is the hash of its inputs; `image` is it by digest, once it is built."""

    content: str
    build: str
    log: str = ""
    image: str | None = None


class ServiceEntry(Entry):
    """A Cloud Run service as it was left."""

    url: str = ""
    revision: str = ""
    generation: int = 0
    invoker: str = ""


class GatewayEntry(Entry):
    """The API, its gateway and the key's name; what is not there yet is empty."""

    api: str = ""
    managed_service: str = ""
    config: str = ""
    gateway: str = ""
    url: str = ""
    key: str = ""
    secret: str = ""
    reader: str = ""


class DocumentEntry(Entry):
    """The version of the secret with the document that the directory shows."""

    content: str = ""
    version: str = ""
    reader: str = ""


class ReleasedService(Entry):
    """A service in a release: enough to send traffic back to it, or to bring it back once it was removed."""

    revision: str
    image: str
    content: str
    cpu: int = 1
    memory: str = ""
    concurrency: int = 0
    min_instances: int = 0
    max_instances: int = 1
    deadline: float = 60


class Release(Entry):
    """A state of the whole that was proven by a request to every model."""

    release: int
    at: str
    config: str
    document: str
    models: tuple[str, ...]
    services: dict[str, ReleasedService]
    rolled_back_to: int | None = None


class Recorded(Entry):
    """The whole file."""

    project: str | None = None
    region: str | None = None
    repository: str | None = None
    images: dict[str, ImageEntry] = {}
    services: dict[str, ServiceEntry] = {}
    gateway: GatewayEntry = GatewayEntry()
    document: DocumentEntry = DocumentEntry()
    releases: tuple[Release, ...] = ()
    created: tuple[str, ...] = ()

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What was created, in order; RecordError for a line that names no kind of resource."""
        return tuple(_resource(line) for line in self.created)

    @property
    def latest(self) -> Release | None:
        """The newest release."""
        return self.releases[-1] if self.releases else None


class Deliverables:
    """The file at `path`. Reading is free; changing it is for the one run that holds the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex, self._writing = threading.Lock(), threading.Lock()
        self._data: CommentedMap | None = None  # while this run holds the file
        self._changed = self._written = 0

    def read(self) -> Recorded:
        """What the file says; RecordError with file and place where it makes no sense. An absent file says nothing."""
        try:
            with self._mutex:
                plain = _plain(self._load() if self._data is None else self._data)
            recorded = Recorded.model_validate(plain)
        except ValidationError as err:
            fault = err.errors(include_url=False)[0]
            place = "/".join(str(part) for part in fault["loc"])
            raise RecordError(f"{self.path}: {place}: {fault['msg']}") from err
        _ = recorded.resources
        return recorded

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """The right to change the file, for the time of a `with`; RecordError if another run has it."""
        lock_path = self.path.with_name(f".{self.path.name}.lock")
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_path, timeout=0)
        try:
            lock.acquire()
        except Timeout as err:
            holder = lock_path.read_text(encoding="utf-8").strip() or "another run"
            raise RecordError(f"{self.path} is in use by {holder}: wait until it has ended, then run again.") from err
        try:
            lock_path.write_text(f"`{command}` (process {os.getpid()})", encoding="utf-8")
            self._data = self._load()
            yield
        finally:
            self._data = None
            lock.release()

    def start(self, settings: Settings) -> None:
        """Notes where this run deploys."""
        where = {"project": settings.project, "region": settings.region, "repository": settings.repository}
        self.change(lambda data: data.update({key: value for key, value in where.items() if data.get(key) != value}))

    def note(self, *notes: Note) -> None:
        """Sets, or removes where the value is None, what each note says."""

        def change(data: CommentedMap) -> None:
            for note in notes:
                _set(data, note.path, note.value)

        self.change(change)

    def create(self, resource: Resource) -> None:
        """Lists a resource that is about to be created: before, so that nothing half-created is forgotten."""

        def change(data: CommentedMap) -> None:
            created = _list(data, "created")
            if str(resource) not in created:
                created.append(str(resource))

        self.change(change)

    def remove(self, resource: Resource) -> None:
        """Takes a resource that is gone off the list."""

        def change(data: CommentedMap) -> None:
            created = _list(data, "created")
            if str(resource) in created:
                created.remove(str(resource))

        self.change(change)

    def release(self, release: Release) -> None:
        """Adds a release, and forgets the oldest beyond ten."""

        def change(data: CommentedMap) -> None:
            entry = _commented(release.model_dump(exclude_defaults=True))
            entry["models"].fa.set_flow_style()
            for service in entry["services"].values():
                service.fa.set_flow_style()
            releases = _list(data, "releases")
            releases.append(entry)
            del releases[:-KEPT_RELEASES]

        self.change(change)

    def empty(self) -> None:
        """Back to the empty form."""
        blank: dict[str, Any] = Recorded().model_dump()

        def change(data: CommentedMap) -> None:
            for key, value in blank.items():
                data[key] = _commented({} if key in ("gateway", "document") else value)

        self.change(change)

    def change(self, change: Callable[[CommentedMap], object]) -> None:
        """Applies `change` and returns once it is in the file: a new one, which then takes the old one's place.

        Changes that come while the file is being written go into the next one together.
        """
        with self._mutex:
            if self._data is None:
                raise RecordError(f"{self.path} is changed by a run that does not hold it.")
            change(self._data)
            self._changed += 1
            mine = self._changed
        with self._writing:
            if self._written >= mine:
                return
            with self._mutex:
                text, upto = io.StringIO(), self._changed
                _yaml().dump(self._data, text)
            fresh = self.path.with_name(f".{self.path.name}.new")
            with fresh.open("w", encoding="utf-8") as file:
                file.write(text.getvalue())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            self._written = upto

    def _load(self) -> CommentedMap:
        try:
            data = _yaml().load(self.path)
        except FileNotFoundError:
            data = None
        except OSError as err:
            raise RecordError(f"{self.path} cannot be read: {err.strerror}") from err
        except (MarkedYAMLError, UnicodeDecodeError) as err:
            mark = getattr(err, "problem_mark", None)
            where = f" line {mark.line + 1}" if mark else ""
            raise RecordError(
                f"{self.path}:{where} is not YAML that can be read: put it right, or restore it."
            ) from err
        if data is None:
            data = CommentedMap(_commented(Recorded().model_dump()))
        if not isinstance(data, CommentedMap):
            raise RecordError(f"{self.path}: should be a mapping such as the committed empty form.")
        return data


def _resource(line: str) -> Resource:
    for kind in get_args(Kind):
        if line.startswith(f"{kind} "):
            return Resource(kind, line.removeprefix(f"{kind} "))
    raise RecordError(f"created: {line!r} should start with one of {', '.join(get_args(Kind))}")


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def _list(data: CommentedMap, key: str) -> CommentedSeq:
    """The list under a key, in block style from its first entry on."""
    values = data.get(key)
    if not isinstance(values, CommentedSeq) or not values:
        values = data[key] = CommentedSeq(values or [])
    return values


def _set(data: CommentedMap, path: tuple[str, ...], value: object) -> None:
    *parents, last = path
    node = data
    for key in parents:
        child = node.get(key)
        if not isinstance(child, CommentedMap) or not child:
            if value is None:
                return
            # A new mapping: the empty one of the form is in flow style, `{}`.
            child = node[key] = CommentedMap()
        node = child
    if value is None:
        node.pop(last, None)
    else:
        node[last] = _commented(value)


def _commented(value: object) -> Any:
    if isinstance(value, Mapping):
        return CommentedMap({key: _commented(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return CommentedSeq([_commented(item) for item in value])
    return value


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
