"""The content of deliverables.yaml as validated objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, ConfigDict, field_validator

from deploy.cloud.resources import Kind, Resource
from deploy.errors import RecordError

KEPT_RELEASES = 10


# Names, addresses, times and hashes: nothing that a shell or a terminal would act on, and no options of gcloud.
TEXT = re.compile(r"(?!-)(?!.* -)[\w .:/@,+=?;&%-]*", re.ASCII)


class RecordEntry(BaseModel):
    """Base of all parts of the record. The file may come from somebody else, so every text is checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    @field_validator("*")
    @classmethod
    def _plain(cls, value: object) -> object:
        texts = [value] if isinstance(value, str) else value if isinstance(value, Mapping | tuple) else ()
        for text in texts:
            if isinstance(text, str) and not TEXT.fullmatch(text):
                raise ValueError(f"{text!r} should have letters, digits and common punctuation only, no dash first")
        return value


class ImageEntry(RecordEntry):
    """A container image: `content` is the hash of its inputs, `image` its address with digest once it is built."""

    content: str
    build: str
    log: str = ""
    image: str | None = None


class ServiceEntry(RecordEntry):
    """A Cloud Run service as the last run left it."""

    url: str = ""
    revision: str = ""
    generation: int = 0
    invoker: str = ""


class GatewayEntry(RecordEntry):
    """The API, its gateway and the key's name; empty until they exist."""

    api: str = ""
    managed_service: str = ""
    config: str = ""
    gateway: str = ""
    url: str = ""
    key: str = ""
    secret: str = ""
    reader: str = ""


class DocumentEntry(RecordEntry):
    """The version of the secret that holds the document of the directory."""

    content: str = ""
    version: str = ""
    reader: str = ""


class ReleasedService(RecordEntry):
    """A service in a release: enough to send traffic back to its revision, or to create it again."""

    revision: str
    image: str
    content: str
    cpu: int = 1
    memory: str = ""
    concurrency: int = 0
    min_instances: int = 0
    max_instances: int = 1
    deadline: float = 60


# The fields of a catalog entry that say how a model's service runs; they change its manifest and not its image.
RUN_FIELDS = frozenset(ReleasedService.model_fields) - {"revision", "image", "content"}


class Release(RecordEntry):
    """A deployment that passed the smoke test."""

    release: int
    at: str
    config: str
    document: str
    models: tuple[str, ...]
    services: dict[str, ReleasedService]
    rolled_back_to: int | None = None


class RecordedState(RecordEntry):
    """The whole file."""

    project: str | None = None
    region: str | None = None
    repository: str | None = None
    gateway_region: str | None = None
    images: dict[str, ImageEntry] = {}
    services: dict[str, ServiceEntry] = {}
    gateway: GatewayEntry = GatewayEntry()
    document: DocumentEntry = DocumentEntry()
    monitoring: str = ""
    releases: tuple[Release, ...] = ()
    created: tuple[str, ...] = ()

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources that were created, in order; raises RecordError for an unknown kind."""
        return tuple(_resource(line) for line in self.created)

    @property
    def latest(self) -> Release | None:
        """The newest release."""
        return self.releases[-1] if self.releases else None

    def image_of(self, service: str, revision: str) -> str:
        """The image of a revision, according to the releases; empty if none has it."""
        found = (release.services.get(service) for release in reversed(self.releases))
        return next((then.image for then in found if then and then.revision == revision), "")


@dataclass(frozen=True)
class Note:
    """A value for the record, at a path of keys; None removes the key."""

    path: tuple[str, ...]
    value: str | int | Mapping[str, str | None] | None = None


def _resource(line: str) -> Resource:
    for kind in get_args(Kind):
        if line.startswith(f"{kind} "):
            return Resource(kind, line.removeprefix(f"{kind} "))
    raise RecordError(f"created: {line!r} should start with one of {', '.join(get_args(Kind))}")
