"""`python -m gateway {render,check,serve}`: the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.check import checked, lines
from gateway.problems import Problem, UnsupportedSpec
from gateway.routes import Origin, origin

app = typer.Typer(
    help="An OpenAPI 2.0 document for Google API Gateway, on real Envoy, on this machine.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Document = Annotated[Path, typer.Argument(metavar="DOC", help="An OpenAPI 2.0 document, YAML or JSON.")]
Bootstrap = Annotated[bool, typer.Option("--bootstrap", help="Print Envoy's bootstrap instead.")]


@app.command()
def serve(
    document: Document,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 8080,
    keys: Annotated[
        Path | None, typer.Option(help='The API keys: a list of `{key: …, consumer: "NUMBER", enabled: true}`.')
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(metavar="URL=URL", help="Send what is meant for the first address to the second."),
    ] = None,
    jwks: Annotated[
        list[str] | None,
        typer.Option(metavar="URL=FILE", help="An issuer's keys, by its x-google-jwks_uri or its name, from a file."),
    ] = None,
    admin_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="On loopback: /stats/prometheus and Envoy's other pages, and /id-tokens/jwks.json, which verifies the"
            " ID tokens that backends are sent.",
        ),
    ] = None,
    signing_key: Annotated[
        Path | None, typer.Option(help="A PEM file with the RSA key that signs ID tokens; made if it is missing.")
    ] = None,
    service: Annotated[
        str | None, typer.Option(help="The managed service's name, for messages and the default audience.")
    ] = None,
    address: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    workers: Annotated[int | None, typer.Option(min=1, help="Envoy's threads; by default one for each core.")] = None,
    bootstrap: Bootstrap = False,
) -> None:
    """Run a document on Envoy, and follow its changes, until SIGTERM or Ctrl-C.

    Prints `gateway ready on http://127.0.0.1:PORT` when Envoy answers, then one JSON line for each request.
    """
    from gateway.process import EnvoyError
    from gateway.serve import Faults, Loader, Options
    from gateway.serve import serve as run

    options = Options(
        document=document,
        port=port,
        address=address,
        admin_port=admin_port,
        keys=keys,
        elsewhere=dict(map(_elsewhere, backend or [])),
        jwks=dict(map(_jwks, jwks or [])),
        signing_key=signing_key,
        service=service,
        workers=workers,
    )

    def complain(err: Exception) -> None:
        _say(*_told(document, err), "not reloaded: the gateway goes on as before")

    loader = Loader(options, lambda problems: _say(*lines(document, problems)))
    try:
        if bootstrap:
            _print_bootstrap(loader.load(), admin_port)
        else:
            run(loader, options, _say, complain)
    except (*Faults, EnvoyError) as err:
        _say(*_told(document, err))
        raise typer.Exit(1) from err


@app.command()
def check(document: Document) -> None:
    """Say everything that Google refuses in a document, each with its line, its JSON path and a remedy; then exit 1."""
    try:
        found = checked(document, with_schema=True)
    except UnsupportedSpec as err:
        _say(*_told(document, err))
        raise typer.Exit(1) from err
    _say(*lines(document, found.problems))
    if found.fatal:
        _say(f"{document}: {_counted(found.problems)}")
        raise typer.Exit(1)
    print(f"{document}: can be deployed" + (f", with {_counted(found.problems)}" if found.problems else ""))


@app.command()
def render(
    address: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=URL", help="The root URL of a model's service; once for each model."),
    ] = None,
    directory: Annotated[str, typer.Option(metavar="URL", help="The root URL of the directory.")] = "",
    models: Annotated[
        str | None, typer.Option(metavar="NAME,…", help="The models; by default those that have an address.")
    ] = None,
    catalog: Annotated[Path | None, typer.Option(help="The catalog; by default services/models.yaml.")] = None,
    host: Annotated[str | None, typer.Option(help="The name under which the API is reached.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Leave out what only the gateway may know.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A file to write, JSON if it ends in .json; else standard output."),
    ] = None,
    bootstrap: Bootstrap = False,
) -> None:
    """Print the product's OpenAPI document for the given addresses."""
    from gateway.spec import AddressError, openapi_document, public_document
    from services.catalog import DEFAULT_PATH, CatalogError, load_catalog

    addresses = dict(_pair(text, "--address", "NAME=URL") for text in address or [])
    try:
        known = load_catalog(catalog or DEFAULT_PATH)
        chosen = known.select(models.split(",") if models else addresses)
        document = openapi_document(chosen, addresses, directory, host=host)
    except (CatalogError, AddressError) as err:
        _say(str(err))
        raise typer.Exit(1) from err
    if bootstrap:
        from gateway.local import Local, nobody
        from gateway.routes import read_api

        api = read_api(document)
        tokens = {route.backend.audience: "ID-TOKEN" for route in api.routes if route.backend.audience}
        _print_bootstrap((api, Local(8080, nobody(), id_tokens=tokens)), None)
        return
    text = _text(public_document(document) if public else document, output)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as err:
        _say(f"{output}: cannot be written: {err.strerror}")
        raise typer.Exit(1) from err


def _text(document: dict[str, Any], output: Path | None) -> str:
    if output is not None and output.suffix == ".json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    from gateway.spec import as_yaml

    return as_yaml(document)


def _print_bootstrap(compiled: tuple[Any, Any], admin_port: int | None) -> None:
    from gateway.envoy.bootstrap import bootstrap, resources

    json.dump(bootstrap(resources(*compiled), admin_port), sys.stdout, indent=2)
    sys.stdout.write("\n")


def _elsewhere(text: str) -> tuple[Origin, Origin]:
    from_, to = _pair(text, "--backend", "URL=URL")
    return _origin(from_), _origin(to)


def _origin(url: str) -> Origin:
    try:
        found = origin(url)
    except ValueError as err:
        raise typer.BadParameter(f"{err}", param_hint="--backend") from err
    if url.partition("://")[2].partition("/")[2]:
        raise typer.BadParameter(f"{url!r} has a path: give scheme, host and port alone", param_hint="--backend")
    return found


def _jwks(text: str) -> tuple[str, Path]:
    # The address may have a query with more signs of equality; a file's name hardly does.
    url, equals, file = text.rpartition("=")
    if not equals or not url or not file:
        raise typer.BadParameter(f"should be URL=FILE, not {text!r}", param_hint="--jwks")
    return url, Path(file)


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not equals or not left or not right:
        raise typer.BadParameter(f"should be {form}, not {text!r}", param_hint=option)
    return left, right


def _told(document: Path, err: Exception) -> Iterable[str]:
    return lines(document, err.problems) if isinstance(err, UnsupportedSpec) else [str(err)]


def _counted(problems: tuple[Problem, ...]) -> str:
    counts = {"error": sum(problem.fatal for problem in problems)}
    counts["warning"] = len(problems) - counts["error"]
    return " and ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count)


def _say(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    app()
