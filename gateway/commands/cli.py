"""The command line: `check`, `convert`, `serve` and `token`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway.commands import option_values
from gateway.commands.check import check_document
from gateway.commands.report import Format, Report, as_github, as_json, as_sarif, as_text, printable
from gateway.diagnostics import UnsupportedDocument
from gateway.document.dialect import is_openapi_3
from gateway.document.source import Additions

if TYPE_CHECKING:
    from gateway.api import Api
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
Placeholders = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Replace `${NAME}` and `$NAME` in the document, and the word `NAME` if it is in capitals. Repeatable.",
    ),
]
DefaultBackend = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The backend of operations without `x-google-backend`, as for Endpoints and ESPv2."
    ),
]
Service = Annotated[
    str | None,
    typer.Option(help="The managed service's name, for error messages and the default audience of JWTs."),
]


@app.command()
def serve(
    document: DocumentPath,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8080,
    keys: Annotated[
        Path | None, typer.Option(help='The API keys: a YAML list of `{key: …, consumer: "NUMBER", enabled: true}`.')
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL=URL",
            help="Connect to the second origin for addresses that begin with the first URL; the longest that fits"
            " counts. An http:// server gets HTTP/1.1, an h2c:// one HTTP/2. Repeatable.",
        ),
    ] = None,
    default_backend: DefaultBackend = None,
    jwks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL=FILE",
            help="Read an issuer's keys from a file; URL is its x-google-jwks_uri or x-google-issuer. Repeatable.",
        ),
    ] = None,
    set_: Placeholders = None,
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
    service: Service = None,
    address: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    workers: Annotated[int | None, typer.Option(min=1, help="Envoy's worker threads; by default one per core.")] = None,
    bootstrap: PrintBootstrap = False,
) -> None:
    """Run a document on a local Envoy and reload it when it changes, until SIGTERM or Ctrl-C.

    Prints `gateway ready on http://127.0.0.1:PORT` once requests are accepted, then one JSON line per request.
    """
    from gateway.commands.serve import ConfigurationErrors, Loader, Options
    from gateway.commands.serve import serve as run
    from gateway.envoy.envoy_process import EnvoyError

    options = Options(
        document=document,
        port=port,
        address=address,
        admin_port=admin_port,
        keys=keys,
        backend_overrides=option_values.backend_overrides(backend or []),
        jwks=option_values.key_sets(jwks or []),
        signing_key=signing_key,
        service=service,
        workers=workers,
        additions=_additions(set_, default_backend),
    )

    def report_error(err: Exception) -> None:
        say(*_explanation(document, err), "not reloaded: the gateway keeps serving the former document")

    loader = Loader(options, say)
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
    documents: Annotated[
        list[Path], typer.Argument(metavar="DOC…", help="OpenAPI documents, YAML or JSON; `-` reads standard input.")
    ],
    format_: Annotated[
        Format, typer.Option("--format", help="`github` is for GitHub Actions, `sarif` for code scanning.")
    ] = Format.TEXT,
    openapi_3: Annotated[
        bool, typer.Option("--openapi-3", help="Also list what must change for a document to become OpenAPI 3.0.")
    ] = False,
    default_backend: DefaultBackend = None,
    set_: Placeholders = None,
) -> None:
    """Report everything in documents that Google API Gateway rejects, with line, JSON path and remedy.

    Exits with 1 if there is any error; warnings alone exit with 0.
    """
    additions = _additions(set_, default_backend)
    reports = [_report(path, additions, openapi_3) for path in documents]
    if format_ is Format.TEXT:
        for report in reports:
            _print_text(report)
    elif format_ is Format.GITHUB:
        for line in as_github(reports):
            print(line)
    else:
        print(as_json(reports) if format_ is Format.JSON else as_sarif(reports))
    if any(report.fatal for report in reports):
        raise typer.Exit(1)


@app.command()
def convert(
    document: DocumentPath,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
) -> None:
    """Print an OpenAPI 2.0 document as OpenAPI 3.0, with its comments; what it serves stays exactly the same.

    Exits with 1 if Google rejects the document, or if something has no equivalent in OpenAPI 3.0.
    """
    from gateway.conversion.changes import ConversionError
    from gateway.conversion.convert import converted
    from gateway.document.yaml_file import YamlFileError, read_text

    try:
        text, _ = converted(read_text(document))
    except YamlFileError as err:
        say(err.at(document))
        raise typer.Exit(1) from err
    except UnsupportedDocument as err:
        say(*_explanation(document, err))
        raise typer.Exit(1) from err
    except ConversionError as err:
        say(*as_text(document, err.changes), f"{document}: cannot be converted")
        raise typer.Exit(1) from err
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


@app.command()
def token(
    document: DocumentPath,
    jwks: Annotated[
        Path,
        typer.Option(
            help="The key set for `serve --jwks`; its private key is beside it. Created if it does not exist."
        ),
    ],
    issuer: Annotated[
        str | None, typer.Option(metavar="NAME", help="The security definition, or its issuer, if there are several.")
    ] = None,
    algorithm: Annotated[
        Literal["RS256", "ES256"] | None, typer.Option(help="How a new key signs; RS256 by default.")
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Add or replace a claim; VALUE is JSON or text. Repeatable."),
    ] = None,
    default_backend: DefaultBackend = None,
    set_: Placeholders = None,
    service: Service = None,
) -> None:
    """Print a JWT that the local gateway accepts for an issuer of the document. It is valid for one hour.

    With curl: -H "Authorization: Bearer $(api-gateway-local token DOC --jwks keys.json)"
    """
    from gateway.api import build_api
    from gateway.tokens.issuer_tokens import TokenError, choose_issuer, claims, curl_option, key_of
    from gateway.tokens.signing_key import SigningKeyError

    more = option_values.claims(claim or [])
    is_new = not jwks.exists()
    try:
        checked = check_document(document, additions=_additions(set_, default_backend))
        if checked.fatal:
            raise UnsupportedDocument(checked.diagnostics)
        chosen = choose_issuer(build_api(checked.document.data, service), issuer)
        key = key_of(jwks, algorithm)
    except (UnsupportedDocument, TokenError, SigningKeyError) as err:
        say(*_explanation(document, err))
        raise typer.Exit(1) from err
    print(key.sign(claims(chosen, time.time(), more)))
    if is_new:
        say(f"wrote {jwks}; start the gateway with --jwks {chosen.issuer}={jwks}", f"curl {curl_option(chosen)} …")


def print_bootstrap(api: Api, runtime: Runtime, admin_port: int | None) -> None:
    from gateway.envoy.bootstrap import bootstrap, resources

    json.dump(bootstrap(resources(api, runtime), admin_port), sys.stdout, indent=2)
    sys.stdout.write("\n")


def say(*lines: str) -> None:
    """Print lines on standard error."""
    for line in lines:
        print(printable(line), file=sys.stderr, flush=True)


def _additions(placeholders: list[str] | None, backend: str | None) -> Additions:
    return Additions(option_values.placeholders(placeholders or []), option_values.default_backend(backend))


def _report(path: Path, additions: Additions, openapi_3: bool) -> Report:
    """The report on a document; `openapi_3` lists the changes if it is OpenAPI 2.0 and without errors."""
    try:
        checked = check_document(path, with_schema=True, additions=additions)
    except UnsupportedDocument as err:
        return Report(path, err.diagnostics)
    if not openapi_3 or checked.fatal or is_openapi_3(checked.document.data):
        return Report(path, checked.diagnostics)
    from gateway.conversion.convert import changes_for_openapi_3

    return Report(path, checked.diagnostics, tuple(changes_for_openapi_3(checked.document)))


def _print_text(report: Report) -> None:
    say(*as_text(report.path, report.diagnostics))
    if report.fatal:
        say(f"{report.name}: {report.counts}")
    else:
        print(f"{report.name}: can be deployed" + (f", with {report.counts}" if report.counts else ""))
    for line in as_text(report.path, report.changes):
        print(printable(line))


def _explanation(document: Path, err: Exception) -> Iterable[str]:
    return as_text(document, err.diagnostics) if isinstance(err, UnsupportedDocument) else [str(err)]
