"""`python -m gateway render`: prints the product's OpenAPI document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands.cli import PrintBootstrap, print_bootstrap, say
from gateway.commands.option_values import split_pair


def render(
    address: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=URL", help="The root URL of a model's service; once for each model."),
    ] = None,
    directory: Annotated[str, typer.Option(metavar="URL", help="The root URL of the directory.")] = "",
    models: Annotated[
        str | None, typer.Option(metavar="NAME,…", help="The models; by default those with an address.")
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option(envvar="CATALOG", help="The catalog; by default services/models.yaml.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The API's host name.")] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Leave out the x-google extensions, which name the backends.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The file to write, as JSON if it ends in .json; else standard output."),
    ] = None,
    bootstrap: PrintBootstrap = False,
) -> None:
    """Print the product's OpenAPI document for the given addresses."""
    from gateway.product.openapi_document import AddressError, openapi_document, public_document
    from services.catalog import DEFAULT_PATH, CatalogError, load_catalog

    addresses = dict(split_pair(text, "--address", "NAME=URL") for text in address or [])
    try:
        chosen = load_catalog(catalog or DEFAULT_PATH).select(models.split(",") if models else addresses)
        document = openapi_document(chosen, addresses, directory, host=host)
    except (CatalogError, AddressError) as err:
        say(str(err))
        raise typer.Exit(1) from err
    if bootstrap:
        _print_bootstrap(document)
        return
    text = _text(public_document(document) if public else document, output)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as err:
        say(f"{output}: cannot be written: {err.strerror}")
        raise typer.Exit(1) from err


def _print_bootstrap(document: dict[str, Any]) -> None:
    from gateway.api import read_api
    from gateway.api_keys import no_keys
    from gateway.runtime import Runtime

    api = read_api(document)
    tokens = {audience: "ID-TOKEN" for operation in api.operations if (audience := operation.backend.audience)}
    print_bootstrap(api, Runtime(8080, no_keys(), id_tokens=tokens), None)


def _text(document: dict[str, Any], output: Path | None) -> str:
    if output is not None and output.suffix == ".json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    from gateway.product.openapi_document import as_yaml

    return as_yaml(document)
