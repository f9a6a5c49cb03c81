"""When an artifact must be exported again. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from services.artifact import FORMAT, ArtifactError, verified_receipt
from services.catalog import CARD_FIELDS, Catalog, Model
from services.catalog.entry import HubFolder, LocalFile, LocalFolder, PackageFile, RemoteFile, TimmModel
from services.export.requirements import ONNX, TIMM, TRANSFORMERS
from services.preprocess import Preprocess

# The artifact depends on these fields, and on optional ones where an entry sets them.
FIELDS = {"name", "title", "architecture", "weights", "preprocess", "labels"}
OPTIONAL_FIELDS = {"requires", "reference", "evaluation", *CARD_FIELDS}


@dataclass(frozen=True)
class CacheKey:
    """Everything an artifact is made from; `digest` changes with any part of it, versions of the tools included."""

    precision: str
    calibration: Path | None
    versions: dict[str, str]
    digest: str

    @classmethod
    def of(cls, catalog: Catalog, model: Model, precision: str, calibration: Path | None) -> CacheKey:
        """The key of a catalog entry at a precision; `calibration` is a folder of photos."""
        tools = ["openvino", "torch", "torchvision"] + (["nncf"] if precision == "int8" else [])
        versions = {tool: version(tool).partition("+")[0] for tool in tools}
        labels = catalog.labels_file(model)
        optional = model.model_dump(mode="json", include=OPTIONAL_FIELDS, exclude_defaults=True)
        entry = model.model_dump(mode="json", include=FIELDS) | optional
        if isinstance(model.preprocess, Preprocess):
            # Without the defaults, so that a new field changes no key.
            entry["preprocess"] = model.preprocess.as_dict()
        # Without the usual function, so that older artifacts remain current.
        if (scores := catalog.scores(model)) != "softmax":
            entry["scores"] = scores
        parts = {
            "format": FORMAT,
            "entry": entry,
            "labels": _digest(labels) if labels and labels.is_file() else None,
            "precision": precision,
            "calibration": [_digest(path) for path in sorted(calibration.iterdir()) if path.is_file()]
            if calibration
            else None,
            "versions": versions,
        }
        if isinstance(model.architecture, TimmModel) or isinstance(model.weights, HubFolder | LocalFolder):
            parts["libraries"] = [TIMM, TRANSFORMERS]
        if isinstance(model.weights, LocalFile | RemoteFile | PackageFile) and model.architecture is None:
            parts["libraries"] = [ONNX]
        if files := _other_files(catalog, model):
            parts["files"] = files
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return cls(precision, calibration, versions, digest)


def is_current(folder: Path, key: CacheKey) -> bool:
    """Whether `folder` holds an undamaged artifact with this key."""
    try:
        return verified_receipt(folder, folder.name).recipe == key.digest
    except ArtifactError:
        return False


def _other_files(catalog: Catalog, model: Model) -> dict[str, str]:
    """The digests of the files whose digests are not in the entry: the code of a callable, and weights without one."""
    known = (
        catalog.folder / model.weights.file if isinstance(model.weights, LocalFile) and model.weights.sha256 else None
    )
    return {
        os.path.relpath(path, catalog.folder): _digest(path)
        for field, path in catalog.files(model)
        if field != "labels" and path != known and path.is_file()
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
