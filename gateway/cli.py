"""The command line: `serve`, `check` and `convert`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.check import check_document, report
from gateway.diagnostics import Diagnostic, UnsupportedDocument
from gateway.origin import Origin, origin

if TYPE_CHECKING:
    from gateway.api import Api
    from gateway.changes import Change
    from gateway.runtime import Runtime

app = typer.Typer(
    help="Check OpenAPI documents for Google API Gateway, and run them on a local Envoy.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
DocumentPath = Annotated[Path, typer.Argument(metavar="DOC", help="An OpenAPI 2.0 or 3.x document, YAML or JSON.")]
PrintBootstrap = Annotated[bool, typer.Option("--bootstrap", help="Print Envoy's bootstrap configuration instead.")]


@app.command()
def serve(
    document: DocumentPath,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8080,
    keys: Annotated[
        Path | None, typer.Option(help='The API keys: a YAML list of `{key: …, consumer: "NUMBER", enabled: true}`.')
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(metavar="URL=URL", help="Connect to the second origin instead of the first. Repeatable."),
    ] = None,
    jwks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL=FILE",
            help="Read an issuer's keys from a file; URL is its x-google-jwks_uri or x-google-issuer. Repeatable.",
        ),
    ] = None,
    admin_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="A port on loopback for /stats/prometheus, /ready and"
            " /id-tokens/jwks.json, the public keys of the ID tokens that backends receive.",
        ),
    ] = None,
    signing_key: Annotated[
        Path | None,
        typer.Option(help="A PEM file with the RSA key that signs ID tokens; created if it does not exist."),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(help="The managed service's name, for error messages and the default audience of JWTs."),
    ] = None,
    address: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    workers: Annotated[int | None, typer.Option(min=1, help="Envoy's worker threads; by default one per core.")] = None,
    bootstrap: PrintBootstrap = False,
) -> None:
    """Run a document on a local Envoy and reload it when it changes, until SIGTERM or Ctrl-C.

    Prints `gateway ready on http://127.0.0.1:PORT` once requests are accepted, then one JSON line per request.
    """
    from gateway.envoy.envoy_process import EnvoyError
    from gateway.serve import ConfigurationErrors, Loader, Options
    from gateway.serve import serve as run

    options = Options(
        document=document,
        port=port,
        address=address,
        admin_port=admin_port,
        keys=keys,
        backend_overrides=dict(map(_backend_override, backend or [])),
        jwks=dict(map(_jwks, jwks or [])),
        signing_key=signing_key,
        service=service,
        workers=workers,
    )

    def report_error(err: Exception) -> None:
        say(*_explanation(document, err), "not reloaded: the gateway keeps serving the former document")

    loader = Loader(options, lambda warnings: say(*report(document, warnings)))
    try:
        if bootstrap:
            print_bootstrap(*loader.load(), admin_port)
        else:
            run(loader, options, say, report_error)
    except (*ConfigurationErrors, EnvoyError) as err:
        say(*_explanation(document, err))
        raise typer.Exit(1) from err


@app.command()
def check(
    document: DocumentPath,
    openapi_3: Annotated[
        bool, typer.Option("--openapi-3", help="Also list what must change for the document to become OpenAPI 3.0.")
    ] = False,
) -> None:
    """Report everything in a document that Google API Gateway rejects, with line, JSON path and remedy.

    Exits with 1 if there is any error; warnings alone exit with 0.
    """
    try:
        checked = check_document(document, with_schema=True)
    except UnsupportedDocument as err:
        say(*_explanation(document, err))
        raise typer.Exit(1) from err
    say(*report(document, checked.diagnostics))
    if checked.fatal:
        say(f"{document}: {_counts(checked.diagnostics)}")
        raise typer.Exit(1)
    print(f"{document}: can be deployed" + (f", with {_counts(checked.diagnostics)}" if checked.diagnostics else ""))
    if openapi_3:
        from gateway.conversion import changes_for_openapi_3

        print(*change_report(document, changes_for_openapi_3(checked.document)), sep="\n")


@app.command()
def convert(
    document: DocumentPath,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
) -> None:
    """Print an OpenAPI 2.0 document as OpenAPI 3.0, with its comments; what it serves stays exactly the same.

    Exits with 1 if Google rejects the document, or if something has no equivalent in OpenAPI 3.0.
    """
    from gateway.changes import ConversionError
    from gateway.conversion import converted
    from gateway.yaml_file import YamlFileError, read_text

    try:
        text, _ = converted(read_text(document))
    except YamlFileError as err:
        say(err.at(document))
        raise typer.Exit(1) from err
    except UnsupportedDocument as err:
        say(*_explanation(document, err))
        raise typer.Exit(1) from err
    except ConversionError as err:
        say(*change_report(document, err.changes))
        raise typer.Exit(1) from err
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


def change_report(path: Path, changes: Iterable[Change]) -> Iterator[str]:
    """One line for each change; identical changes are one line, with the lines of the others."""
    groups: dict[tuple[bool, str], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.lost, change.message), []).append(change)
    for (lost, _), [first, *others] in groups.items():
        where = f"{path}:{first.line}" if first.line else str(path)
        also = f" (also in line {', '.join(str(other.line) for other in others)})" if others else ""
        yield f"{where}: {'cannot be converted' if lost else 'change'}: {first}{also}"


def print_bootstrap(api: Api, runtime: Runtime, admin_port: int | None) -> None:
    from gateway.envoy.bootstrap import bootstrap, resources

    json.dump(bootstrap(resources(api, runtime), admin_port), sys.stdout, indent=2)
    sys.stdout.write("\n")


def split_pair(text: str, option: str, form: str) -> tuple[str, str]:
    """The two sides of an option's value such as NAME=URL."""
    left, equals, right = text.partition("=")
    if not equals or not left or not right:
        raise typer.BadParameter(f"should be {form}, not {text!r}", param_hint=option)
    return left, right


def say(*lines: str) -> None:
    """Print lines on standard error."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def _backend_override(text: str) -> tuple[Origin, Origin]:
    documented, actual = split_pair(text, "--backend", "URL=URL")
    return _origin(documented), _origin(actual)


def _origin(url: str) -> Origin:
    try:
        found = origin(url)
    except ValueError as err:
        raise typer.BadParameter(f"{err}", param_hint="--backend") from err
    if url.partition("://")[2].partition("/")[2]:
        raise typer.BadParameter(f"{url!r} has a path; write only scheme, host and port", param_hint="--backend")
    return found


def _jwks(text: str) -> tuple[str, Path]:
    # Split at the last `=`: the query of the URL may contain others.
    url, equals, file = text.rpartition("=")
    if not equals or not url or not file:
        raise typer.BadParameter(f"should be URL=FILE, not {text!r}", param_hint="--jwks")
    return url, Path(file)


def _explanation(document: Path, err: Exception) -> Iterable[str]:
    return report(document, err.diagnostics) if isinstance(err, UnsupportedDocument) else [str(err)]


def _counts(diagnostics: tuple[Diagnostic, ...]) -> str:
    errors = sum(diagnostic.fatal for diagnostic in diagnostics)
    counts = {"error": errors, "warning": len(diagnostics) - errors}
    return " and ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count)
