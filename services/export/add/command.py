"""`python -m services.export add FILE|FOLDER|hub:ORGANISATION/NAME`: add a model to the catalog, and export it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from services.catalog import DEFAULT_PATH, CatalogError, load_catalog
from services.export.add.catalog_editor import Draft, add_entry, entry_text
from services.export.add.draft import (
    HUB,
    AddOptions,
    DraftError,
    completed,
    copy_files,
    draft,
    labels_beside,
    model_name,
)
from services.export.command import console, export_models, print_error
from services.export.errors import ExportError
from services.export.requirements import install, library, requirements
from services.export.sources.weights import fetched_weights


def add(
    source: Annotated[
        str, typer.Argument(metavar="MODEL", help="A file, a folder, or hub:ORGANISATION/NAME[@COMMIT].")
    ],
    name: Annotated[str, typer.Option(help="Its name in the catalog. Default: from the source's.")] = "",
    title: Annotated[str, typer.Option(help="The name shown to people.")] = "",
    architecture: Annotated[
        str,
        typer.Option(help="For a file of tensors: a torchvision model, timm:NAME, or package.module:callable."),
    ] = "",
    labels: Annotated[
        Path | None,
        typer.Option(help="A file with one label per line. Default: beside the file, named like it.", exists=True),
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="For a file: the side of the network's input, in pixels.")] = 224,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the entry, and change nothing.")] = False,
    output: Annotated[Path, typer.Option(help="The folder for the artifacts.")] = Path(".models"),
    catalog_path: Annotated[Path, typer.Option("--catalog", envvar="CATALOG", help="The catalog.")] = DEFAULT_PATH,
) -> None:
    """Look at a model, write its entry into the catalog, and export it."""
    if Path(source).is_file():
        labels = labels or labels_beside(Path(source))
    options = AddOptions(title, _architecture(architecture), labels, size)
    copies: list[Path] = []
    try:
        name = name or model_name(source)
        catalog_path.parent.mkdir(parents=True, exist_ok=True)
        copies = copy_files(_own_files(source, labels), catalog_path.parent)
        entry = _looked_at(source, name, catalog_path, options, output)
        text = entry_text(name, entry)
        if dry_run:
            sys.stdout.write(text)
            _remove(copies)
            return
        add_entry(catalog_path, name, entry)
    except (CatalogError, ExportError) as err:
        _remove(copies)
        print_error(str(err))
        raise typer.Exit(1) from err
    for copy in copies:
        console.print(f"{name}: copied to {copy}", markup=False)
    console.print(f"{name}: added to {catalog_path}:\n{text}", markup=False)
    if not _exported(name, catalog_path, output):
        console.print(
            f"Correct the entry in {catalog_path}, then run `.venv/bin/python -m services.export {name}`.", markup=False
        )
        raise typer.Exit(1)
    own = "" if catalog_path == DEFAULT_PATH else f" CATALOG={catalog_path}"
    console.print(f"Run it:  make run MODELS={name}{own}", markup=False)


def _looked_at(source: str, name: str, catalog_path: Path, options: AddOptions, output: Path) -> Draft:
    """The complete entry, after the network has been built once; raises CatalogError and ExportError."""
    fields = draft(source, name, catalog_path.parent, options)
    trial = catalog_path.with_name(f".{catalog_path.name}.add")
    trial.unlink(missing_ok=True)
    try:
        add_entry(trial, name, fields)
        catalog = load_catalog(trial)
        model = catalog[name]
        weights = fetched_weights(catalog, model, output / ".weights", lambda done, size: None)
        install(name, requirements(model, library(catalog, model, weights)), output / ".packages")
        from services.export.precision import measured_half_precision
        from services.export.sources.network import built_network

        network = built_network(catalog, model, weights)
        return completed(fields, network, measured_half_precision(network, name))
    except CatalogError as err:
        # The person has not seen the file of the trial.
        raise DraftError(str(err).removeprefix(f"{trial}: ")) from err
    finally:
        trial.unlink(missing_ok=True)


def _own_files(source: str, labels: Path | None) -> list[Path]:
    """The files and folders that belong to the model; a large ONNX file has its tensors in another beside it."""
    if source.startswith(HUB):
        return []
    return [path for path in (Path(source), Path(f"{source}.data"), labels) if path and path.exists()]


def _remove(copies: list[Path]) -> None:
    for copy in copies:
        shutil.rmtree(copy) if copy.is_dir() else copy.unlink()


def _architecture(text: str) -> Any:
    """The entry's field for the option."""
    if text.startswith("timm:"):
        return {"timm": text.removeprefix("timm:")}
    return {"callable": text} if ":" in text else text or None


def _exported(name: str, catalog_path: Path, output: Path) -> bool:
    """Whether the new model was exported; prints a sentence if not."""
    try:
        catalog = load_catalog(catalog_path)
    except CatalogError as err:
        print_error(str(err))
        return False
    return export_models(catalog, [catalog[name]], output)
