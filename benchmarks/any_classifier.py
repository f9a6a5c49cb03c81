"""`python -m benchmarks.any_classifier --photos FOLDER [KIND/NAME…]`: are models of any family served as trained?

Each model has random weights. Its own library saves it, `add` adds and exports it, from a stub of the Hub or from a
file, and the service's scores are compared with those of the library's own pipeline. Updates docs/served-as-trained.md.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from benchmarks.harness.command import console, run
from benchmarks.harness.machine import Machine
from benchmarks.harness.photos import default_folder
from benchmarks.harness.process import ROOT, environment
from benchmarks.harness.tables import table, write_between_markers
from services.artifact import read_receipt

RESULTS: Final = ROOT / "benchmarks" / "results" / "any_classifier.json"
PAGE: Final = ROOT / "docs" / "served-as-trained.md"
HEADINGS: Final = (
    *("model", "kind", "precision", "best score"),
    *("single, mean", "single, worst", "served, mean", "served, worst", "other label"),
)
IMAGES: Final = 50
# For the last layer of the networks with random weights.
PREPARED: Final = 16
# A native best label that leads by less may be overtaken without a visible difference.
LEAD: Final = 0.1
# Of scikit-image's images, photographs of several sizes, in colour and gray.
PACKAGED: Final = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")


@dataclass(frozen=True)
class Compared:
    """The difference of the native best label's score: in single precision, and as served. `precision` is the entry's.

    `best` is the native best score on average. `other_label` counts the images that are served with another best label
    although the native one leads by LEAD.
    """

    kind: str
    name: str
    precision: str
    best: float
    single: tuple[float, float]
    served: tuple[float, float]
    other_label: int
    images: int


class AddFailed(Exception):
    """`add` has refused a model; the message is what it printed."""


def run_export(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m services.export ARGUMENT…`, with these environment variables."""
    return subprocess.run(
        [sys.executable, "-m", "services.export", *arguments],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def compared(
    kind: str,
    name: str,
    images: Sequence[Path],
    folder: Path,
    export: Callable[..., subprocess.CompletedProcess[str]] = run_export,
) -> Compared:
    """Save, add and compare a model in an empty folder; raises AddFailed."""
    # Slow to import: torch, timm and transformers.
    from benchmarks.harness.any_models import KINDS
    from benchmarks.harness.stub_hub import stub_hub
    from services.export.checks.served_scores import ServedScores, single_precision_scores

    artifact = folder / "artifacts" / "own"
    with stub_hub() as hub:
        source = KINDS[kind](name, folder, hub, images[:PREPARED])
        variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "cache"), "HF_HUB_DISABLE_XET": "1"}
        options = ["--name=own", f"--catalog={folder / 'own' / 'models.yaml'}", f"--output={artifact.parent}"]
        added = export("add", *source.arguments, *options, **variables)
    if added.returncode:
        raise AddFailed(added.stderr.strip())
    receipt = read_receipt(artifact)
    native = np.stack([source.native(path) for path in images])
    served = ServedScores(artifact, receipt)(list(images))
    best, two = native.argmax(axis=1), np.sort(native, axis=1)[:, -2:]
    changed = (served.argmax(axis=1) != best) & (two[:, 1] - two[:, 0] > LEAD)

    def difference(scores: np.ndarray) -> tuple[float, float]:
        found = np.abs(scores - native)[np.arange(len(best)), best]
        return round(float(found.mean()), 5), round(float(found.max()), 5)

    return Compared(
        kind,
        name,
        receipt.precision,
        round(float(two[:, 1].mean()), 3),
        difference(single_precision_scores(artifact, receipt, list(images))),
        difference(served),
        int(changed.sum()),
        len(images),
    )


def image_files(photos: Path | None) -> list[Path]:
    """The images in installed packages, filled up to IMAGES with photos of a folder, evenly spaced."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    found = [Path(spec.origin).parent / "data" / name for name in PACKAGED] + sorted(default_folder().glob("*.jpg"))
    more = sorted(photos.glob("*.jpg")) if photos else []
    missing = IMAGES - len(found)
    return found + more[:: max(1, len(more) // missing)][:missing]


def report(found: Sequence[Compared]) -> str:
    rows = [
        [
            one.name,
            one.kind,
            one.precision,
            f"{one.best:.2f}",
            *(
                f"{value:.{digits}f}"
                for pair in (one.single, one.served)
                for value, digits in zip(pair, (4, 3), strict=True)
            ),
            str(one.other_label),
        ]
        for one in found
    ]
    return "\n".join(table(HEADINGS, rows, numbers=3)) + "\n"


def main(
    models: Annotated[list[str] | None, typer.Argument(metavar="KIND/NAME…", help="Default: all.")] = None,
    photos: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="JPEGs, to fill up to 50 images.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The JSON file to update.")] = RESULTS,
) -> None:
    """Compare the served scores of models of many families with those of their own libraries."""
    from benchmarks.harness.any_models import MODELS

    known = [f"{kind}/{name}" for kind, name in MODELS]
    stored = json.loads(output.read_text("utf-8"))["models"] if output.is_file() else {}
    images, failed = image_files(photos), False
    for model in models or known:
        kind, _, name = model.partition("/")
        with tempfile.TemporaryDirectory(prefix="guichet-any-") as folder:
            try:
                stored[model] = asdict(compared(kind, name, images, Path(folder)))
            except AddFailed as err:
                console.print(f"{model}: {err}", style="red", markup=False)
                stored.pop(model, None)
                failed = True
                continue
        console.print(f"{model}: {stored[model]}", markup=False)
        found = [Compared(**stored[key]) for key in known if key in stored]
        machine = Machine.here()
        text = json.dumps(
            {"machine": asdict(machine), "models": {key: stored[key] for key in known if key in stored}}, indent=1
        )
        output.write_text(f"{text}\n", "utf-8")
        write_between_markers(PAGE, "any-classifier", f"{report(found)}\n{len(images)} images; {machine.when}.\n")
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    run(main)
