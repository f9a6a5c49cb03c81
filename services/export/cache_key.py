"""What an artifact is made from: if nothing of it changed, there is nothing to make. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from services.artifact import FORMAT, ArtifactError, verified_receipt
from services.catalog import Catalog, Model

INGREDIENTS = ("architecture", "weights", "preprocess", "labels")


@dataclass(frozen=True)
class Recipe:
    """A model's ingredients, down to the versions of the tools; `digest` changes with any of them."""

    precision: str
    calibration: Path | None
    versions: dict[str, str]
    digest: str

    @classmethod
    def of(cls, catalog: Catalog, model: Model, precision: str, calibration: Path | None) -> Recipe:
        """The recipe of a catalog entry at a precision, with a folder of photos or without."""
        tools = ["openvino", "torch", "torchvision"] + (["nncf"] if precision == "int8" else [])
        versions = {tool: version(tool).partition("+")[0] for tool in tools}
        labels = catalog.labels_file(model)
        ingredients: dict[str, Any] = {
            "format": FORMAT,
            "entry": model.model_dump(mode="json", include=set(INGREDIENTS) | {"name", "title"}),
            "labels": _digest(labels) if labels and labels.is_file() else None,
            "precision": precision,
            "calibration": [_digest(path) for path in sorted(calibration.iterdir()) if path.is_file()]
            if calibration
            else None,
            "versions": versions,
        }
        text = json.dumps(ingredients, sort_keys=True)
        return cls(precision, calibration, versions, hashlib.sha256(text.encode()).hexdigest())


def is_current(folder: Path, recipe: Recipe) -> bool:
    """Whether the artifact in `folder` is whole and was made by this recipe."""
    try:
        return verified_receipt(folder, folder.name).recipe == recipe.digest
    except ArtifactError:
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
