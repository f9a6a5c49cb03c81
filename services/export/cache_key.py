"""When an artifact must be exported again. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from services.artifact import FORMAT, ArtifactError, verified_receipt
from services.catalog import Catalog, Model

# The fields of an entry that the artifact depends on; the others say how the service runs.
FIELDS = {"name", "title", "architecture", "weights", "preprocess", "labels"}


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
        entry = model.model_dump(mode="json", include=FIELDS)
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
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return cls(precision, calibration, versions, digest)


def is_current(folder: Path, key: CacheKey) -> bool:
    """Whether `folder` holds an undamaged artifact with this key."""
    try:
        return verified_receipt(folder, folder.name).recipe == key.digest
    except ArtifactError:
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
