"""deliverables.yaml, the record of what was deployed: validated, replaced atomically, locked by one run at a time."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from deploy.cloud.resources import Resource
from deploy.errors import RecordError
from deploy.recorded_state import KEPT_RELEASES, Note, RecordedState, Release
from deploy.settings import DeploySettings
from services.catalog.yaml_file import INVALID_VALUE, YamlFileError, parsed, read_text

# Ten releases of a hundred models have 20,000.
MAX_VALUES = 50_000
REPAIR = "fix it, or restore the committed file."


class Deliverables:
    """The file at `path`. Any run may read it; only the run that holds the lock may change it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex, self._writing = threading.Lock(), threading.Lock()
        self._data: CommentedMap | None = None  # the file's content while this run holds the lock
        self._changed = self._written = 0

    def read(self) -> RecordedState:
        """The content of the file, empty if it does not exist; raises RecordError naming the field that is invalid."""
        try:
            with self._mutex:
                recorded = RecordedState.model_validate(self._load()[1] or {} if self._data is None else self._data)
        except ValidationError as err:
            first = err.errors(include_url=False)[0]
            place = "/".join(str(part) for part in first["loc"])
            raise RecordError(f"{self.path}: {place}: {first['msg']}: {REPAIR}") from err
        _ = recorded.resources
        return recorded

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Locks the file for changes; raises RecordError if another run holds it."""
        lock_path = self.path.with_name(f".{self.path.name}.lock")
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_path, timeout=0)
        try:
            lock.acquire()
        except Timeout as err:
            holder = lock_path.read_text(encoding="utf-8").strip() or "another run"
            raise RecordError(
                f"{self.path} is in use by {holder}: wait until it has finished, then run again."
            ) from err
        # A link, for example.
        except OSError as err:
            raise RecordError(f"{lock_path} cannot be locked: {err.strerror}") from err
        try:
            lock_path.write_text(f"`{command}` (process {os.getpid()})", encoding="utf-8")
            self._data = self._load_with_comments()
            yield
        finally:
            self._data = None
            lock.release()

    def start(self, settings: DeploySettings) -> None:
        """Records where this run deploys."""
        where = {"project": settings.project, "region": settings.region, "repository": settings.repository}
        if settings.gateway_region != settings.region:
            where["gateway_region"] = settings.gateway_region
        self.change(lambda data: data.update({key: value for key, value in where.items() if data.get(key) != value}))

    def note(self, *notes: Note) -> None:
        """Sets or removes the value of each note."""

        def change(data: CommentedMap) -> None:
            for note in notes:
                _set(data, note.path, note.value)

        self.change(change)

    def create(self, resource: Resource) -> None:
        """Lists a resource before it is created, so that an interrupted run leaves nothing unlisted."""

        def change(data: CommentedMap) -> None:
            created = _list(data, "created")
            if str(resource) not in created:
                created.append(str(resource))

        self.change(change)

    def remove(self, resource: Resource) -> None:
        """Removes a deleted resource from the list."""

        def change(data: CommentedMap) -> None:
            created = _list(data, "created")
            if str(resource) in created:
                created.remove(str(resource))

        self.change(change)

    def release(self, release: Release) -> None:
        """Adds a release and drops the oldest beyond KEPT_RELEASES."""

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
        """Resets the file to its empty form, but for what still exists."""
        blank: dict[str, Any] = RecordedState().model_dump()
        if left := self.read().created:
            kept = {key: getattr(self.read(), key) for key in ("project", "region", "repository")}
            blank |= {**kept, "created": left}

        def change(data: CommentedMap) -> None:
            for key, value in blank.items():
                data[key] = _commented({} if key in ("gateway", "document") else value)

        self.change(change)

    def change(self, change: Callable[[CommentedMap], object]) -> None:
        """Applies `change` and returns once it is on disk (written to a new file, then renamed).

        Changes that arrive while the file is being written share the next write.
        """
        with self._mutex:
            if self._data is None:
                raise RecordError(f"{self.path} must be locked before it is changed.")
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
            # Not through a link that has this name.
            fresh.unlink(missing_ok=True)
            with fresh.open("x", encoding="utf-8") as file:
                file.write(text.getvalue())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            self._written = upto

    def _load(self) -> tuple[str, dict[Any, Any] | None]:
        """The file's text and plain values, which are None if it is empty or does not exist; raises RecordError."""
        try:
            text = read_text(self.path) if self.path.exists() else ""
            values = parsed(text, self.path, MAX_VALUES)
        except YamlFileError as err:
            raise RecordError(f"{err}: {REPAIR}") from err
        if not isinstance(values, dict | None):
            raise RecordError(f"{self.path}: should be a mapping, like the committed file.")
        return text, values

    def _load_with_comments(self) -> CommentedMap:
        """The file's values with their comments, to be changed and written again; raises RecordError."""
        text, values = self._load()
        if values is None:
            return CommentedMap(_commented(RecordedState().model_dump()))
        try:
            # Without limits, which it has just been found to be within.
            data: CommentedMap = _yaml().load(text)
        except (YAMLError, *INVALID_VALUE) as err:
            raise RecordError(f"{self.path}: is not valid YAML: {REPAIR}") from err
        return data


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def _list(data: CommentedMap, key: str) -> CommentedSeq:
    """The list under a key, in block style."""
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
            # A new mapping in block style: the empty form has `{}`.
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
