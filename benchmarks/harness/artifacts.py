"""Artifacts for measuring, exported at each precision into a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from benchmarks.harness.process import ROOT
from gateway.die_with_parent import die_with_parent
from services.catalog import Catalog, Model

Precision = Literal["fp16", "int8"]
MODELS: Final = ROOT / ".models"
FOLDER: Final = MODELS / ".benchmark"


class ExportFailed(Exception):
    """The export failed, for example because int8 lost too much accuracy; it has printed why."""


def export(models: Sequence[Model], precision: Precision, calibration: Path) -> Path:
    """The folder with the models' artifacts at that precision; exports those that are out of date."""
    output = FOLDER / precision
    output.mkdir(parents=True, exist_ok=True)
    # Share downloaded weights between precisions.
    cache, shared = output / ".weights", MODELS / ".weights"
    shared.mkdir(exist_ok=True)
    if not cache.is_symlink():
        cache.symlink_to(shared)
    command = [sys.executable, "-m", "services.export", f"--precision={precision}", f"--calibration={calibration}"]
    command += [f"--output={output}", *(model.name for model in models)]
    if subprocess.run(die_with_parent(command), cwd=ROOT, check=False).returncode:
        raise ExportFailed(f"the {precision} artifacts could not be exported")
    return output


def torch_weights(catalog: Catalog, model: Model) -> Path:
    """The file with the model's torch weights; raises ExportFailed."""
    # Importing the export is slow; only comparisons with torch need it.
    from services.export.errors import WeightsUnavailable
    from services.export.sources.weights import fetched_weights

    try:
        return fetched_weights(catalog, model, MODELS / ".weights", lambda _done, _size: None)
    except WeightsUnavailable as err:
        raise ExportFailed(str(err)) from err
