"""Look at a model, and draft its entry in the catalog."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.catalog import IMAGENET_LABELS, NAME
from services.catalog.hub import HubError, hub_model
from services.catalog.model_folder import FolderError, folder_files
from services.export.add.catalog_editor import Draft, Field
from services.export.errors import ExportError

if TYPE_CHECKING:
    # Imports torch, which a draft does not need.
    from services.export.precision import HalfPrecision
    from services.export.sources.network import Network

HUB = "hub:"
# What most torch models were trained with; a file of weights does not say it.
CROPPED = 0.875  # the crop, as a part of the resized image
USUAL = {
    "interpolation": "bilinear",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


class DraftError(ExportError):
    """No entry can be drafted for this model; the message says what is missing."""


@dataclass(frozen=True)
class AddOptions:
    """What the command's options say about the model."""

    title: str = ""
    architecture: Any = None
    labels: Path | None = None
    size: int = 224


def model_name(source: str) -> str:
    """A name for the catalog, from that of the file, the folder or the model on the Hub."""
    stem = re.split(r"[/\\]", source.removeprefix(HUB).partition("@")[0].rstrip("/"))[-1]
    stem = re.sub(r"\.(onnx|pth?|ckpt|bin|safetensors)$", "", stem.lower())
    name = re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:40].rstrip("-")
    if not NAME.fullmatch(name):
        raise DraftError(f"{source}: no name can be made of it; give one with --name")
    return name


def draft(source: str, name: str, folder: Path, options: AddOptions) -> Draft:
    """The fields that say where the model is and what it needs; raises DraftError. Reads no weights.

    `folder` is the catalog's; files from elsewhere are expected there under the same name.
    """
    fields = {"title": Field(options.title or name, "shown to people")}
    if source.startswith(HUB):
        return fields | _hub(source.removeprefix(HUB))
    path = Path(source)
    if path.is_dir():
        return fields | {"weights": Field({"folder": _beside(path, folder)}, "timm's or transformers' own folder")}
    if not path.is_file():
        raise DraftError(f"{source} does not exist; a model of the Hub is hub:ORGANISATION/NAME")
    fields["weights"] = Field({"file": _beside(path, folder)}, "relative to this file")
    if options.architecture is not None:
        fields["architecture"] = Field(options.architecture, "as given")
    usual = {"resize": round(options.size / CROPPED), "crop": options.size, **USUAL}
    fields["preprocess"] = Field(usual, "CHECK: the usual one; the file does not say how its images were prepared")
    if options.labels is not None:
        fields["labels"] = Field(_beside(options.labels, folder), "one label per line, in the order of the outputs")
    else:
        fields["labels"] = Field("imagenet", f"because no file of labels was given: {IMAGENET_LABELS} outputs")
    return fields


def completed(fields: Draft, network: Network, half: HalfPrecision) -> Draft:
    """The entry with what the folder of a library says written out, so that the catalog tells it."""
    stated = network.preprocess.as_dict()
    more = {}
    if not half.suffices:
        more["precision"] = Field(
            "fp32", f"half precision is faster, but would change scores by {half.difference:.3f} on average"
        )
    return {
        **fields,
        "preprocess": fields.get("preprocess") or Field(_listed(stated), "from the model's folder"),
        "labels": fields.get("labels") or Field("weights", f"from the model's folder: {_some(network.labels)}"),
        "scores": Field(network.scores, SCORES[network.scores]),
        **more,
    }


SCORES = {
    "softmax": "one label is right",
    "sigmoid": "each label is right or wrong by itself",
    "none": "the outputs are scores already",
}


def _listed(value: Any) -> Any:
    """Lists for tuples, as YAML has them."""
    if isinstance(value, dict):
        return {key: _listed(part) for key, part in value.items()}
    return [_listed(part) for part in value] if isinstance(value, tuple) else value


def _some(labels: Sequence[str]) -> str:
    more = ", …" if len(labels) > 3 else ""
    return f"{len(labels)} labels, {', '.join(labels[:3])}{more}"


def _hub(wanted: str) -> dict[str, Field]:
    name, _, revision = wanted.partition("@")
    try:
        model = hub_model(name, revision or None)
    except HubError as err:
        raise DraftError(str(err)) from err
    found = {
        "weights": Field(
            {"hub": name, "revision": model.revision}, f"the commit of {revision}" if revision else "the newest commit"
        ),
        "source": Field(model.url, "the model's page"),
    }
    if model.license:
        found["license"] = Field(model.license, "from the model's card")
    return found


def _beside(path: Path, folder: Path) -> str:
    """The path relative to the catalog's folder; that of the copy which `copy_files` makes if it is elsewhere."""
    inside = path.resolve().is_relative_to(folder.resolve())
    return str(path.resolve().relative_to(folder.resolve())) if inside else path.resolve().name


def labels_beside(path: Path) -> Path | None:
    """A file of labels beside the weights: named like them, or labels.txt."""
    return next((one for one in (path.with_suffix(".txt"), path.parent / "labels.txt") if one.is_file()), None)


def copy_files(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Copy files, and what is needed of folders, beside the catalog; returns the copies. Replaces no other file."""
    copies = []
    for path in (path for path in paths if not path.resolve().is_relative_to(folder.resolve())):
        target = folder / path.resolve().name
        if target.exists():
            raise DraftError(f"{target} exists already: remove it, or put {path} into {folder} under another name")
        if path.is_dir():
            try:
                files = folder_files(path)
            except FolderError as err:
                raise DraftError(f"{path}: {err}") from err
            target.mkdir()
            for file in files:
                shutil.copy(file, target)
        else:
            shutil.copy(path, target)
        copies.append(target)
    return copies
