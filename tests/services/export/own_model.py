"""A small model of the tests' own, and a catalog with its entry."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

LABELS = ["ant", "bee", "cat", "dog"]

CATALOG = """
models:
  own:
    title: Own
    architecture: shufflenet_v2_x0_5
    weights: WEIGHTS
    preprocess: {resize: 72, crop: 64, interpolation: bilinear, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}
    labels: labels.txt
"""


def small_input(module: Any) -> None:
    """Let a network of timm take images of 64 pixels, which is quicker."""
    module.pretrained_cfg |= {"input_size": (3, 64, 64), "test_input_size": (3, 64, 64)}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def catalog_file(folder: Path, weights: str, labels: list[str] = LABELS) -> Path:
    """The catalog's path; `weights` is the field as YAML. A local file is copied beside the catalog."""
    if (named := re.search(r"file: (/[^,]+)", weights)) and (file := Path(named[1])).is_file():
        if file.parent != folder:
            shutil.copyfile(file, folder / file.name)
        weights = weights.replace(named[1], file.name)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    path = folder / "models.yaml"
    path.write_text(CATALOG.replace("WEIGHTS", weights))
    return path


def local_file(path: Path) -> str:
    """The entry's field `weights` for a local file."""
    return f"{{file: {path}, sha256: {sha256(path)}}}"
