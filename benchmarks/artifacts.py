"""The artifacts that are measured, made by the export itself, each precision in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from benchmarks.processes import ROOT
from gateway.die_with_parent import die_with_parent
from services.catalog import Catalog, Model
from services.export.errors import WeightsUnavailable
from services.export.weights import fetched_weights

Precision = Literal["fp16", "int8"]
MODELS: Final = ROOT / ".models"
FOLDER: Final = MODELS / ".benchmark"


class NoArtifact(Exception):
    """The export failed; it has said why."""


def exported(models: Sequence[Model], precision: Precision, calibration: Path) -> Path:
    """The folder with the models' artifacts at that precision, up to date; the photos are compared on, and calibrate.

    Raises NoArtifact where the export refuses, as it does where quantising loses accuracy.
    """
    output = FOLDER / precision
    output.mkdir(parents=True, exist_ok=True)
    # Weights are fetched once for all.
    cache, shared = output / ".weights", MODELS / ".weights"
    shared.mkdir(exist_ok=True)
    if not cache.is_symlink():
        cache.symlink_to(shared)
    command = [sys.executable, "-m", "services.export", f"--precision={precision}", f"--calibration={calibration}"]
    run = subprocess.run(
        die_with_parent([*command, f"--output={output}", *(model.name for model in models)]), cwd=ROOT, check=False
    )
    if run.returncode:
        raise NoArtifact(f"no {precision} artifact could be made, so {precision} is not measured")
    return output


def weights(catalog: Catalog, model: Model) -> Path:
    """The file with the model's torch weights; raises NoArtifact."""
    try:
        return fetched_weights(catalog, model, MODELS / ".weights", lambda _done, _size: None)
    except WeightsUnavailable as err:
        raise NoArtifact(str(err)) from err
