"""`python -m gateway serve`: runs Envoy on a document and follows changes of its files, until SIGTERM or SIGINT."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from gateway.api import Api, build_api
from gateway.api_keys import KeysError, no_keys, read_keys
from gateway.commands.check import check_document
from gateway.commands.file_watcher import FileWatcher
from gateway.commands.report import as_text
from gateway.commands.start_warnings import option_warnings, warn_about_unreachable_issuers
from gateway.diagnostics import UnsupportedDocument
from gateway.document.source import NO_ADDITIONS, Additions
from gateway.document.yaml_file import YamlFileError, read_text
from gateway.envoy.admin import admin_listener
from gateway.envoy.envoy_process import SEE_LOG, Envoy, EnvoyError, envoy_binary
from gateway.runtime import AddressPrefix, Runtime, Target
from gateway.tokens.jwks_discovery import with_jwks_uris

if TYPE_CHECKING:
    from gateway.tokens.id_tokens import Signer

WATCH_SECONDS = 0.2
# ID tokens are valid for an hour, as Google's are.
RENEW_SECONDS = 1800


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    document: Path
    port: int
    address: str = "127.0.0.1"
    admin_port: int | None = None
    keys: Path | None = None
    backend_overrides: Mapping[AddressPrefix, Target] = field(default_factory=dict)
    jwks: Mapping[str, Path] = field(default_factory=dict)
    signing_key: Path | None = None
    service: str | None = None
    workers: int | None = None
    additions: Additions = NO_ADDITIONS

    @property
    def watched_files(self) -> list[Path]:
        return [self.document, *([self.keys] if self.keys else []), *self.jwks.values()]


class ServeError(Exception):
    """The gateway cannot start; the message is one line."""


# The user's mistakes in the document, the keys file or a key set; the message tells them what to change.
ConfigurationErrors = (UnsupportedDocument, KeysError, ServeError)


class Loader:
    """Reads the files that the options name; `say` prints lines of warnings."""

    def __init__(self, options: Options, say: Callable[..., None]) -> None:
        self._options = options
        self._say = say
        self._signer: Signer | None = None

    def load(self) -> tuple[Api, Runtime]:
        """The API and its runtime; raises one of `ConfigurationErrors`."""
        options = self._options
        checked = check_document(options.document, additions=options.additions)
        if checked.fatal:
            raise UnsupportedDocument(checked.diagnostics)
        api, undiscovered = with_jwks_uris(build_api(checked.document.data, options.service), options.jwks.keys())
        unknown = {issuer: _unknown_key_set() for issuer in undiscovered}
        runtime = Runtime(
            port=options.port,
            address=options.address,
            keys=read_keys(options.keys) if options.keys else no_keys(),
            backend_overrides=options.backend_overrides,
            jwks={url: _key_set(path) for url, path in options.jwks.items()} | unknown,
            ca_file=ssl.get_default_verify_paths().cafile or Runtime.ca_file,
        )
        self._say(*as_text(options.document, checked.diagnostics))
        self._say(*map(str, undiscovered.values()), *option_warnings(options, api))
        return api, self.with_new_tokens(api, runtime)

    def with_new_tokens(self, api: Api, runtime: Runtime) -> Runtime:
        """The same runtime with new ID tokens for the backends."""
        audiences = {audience for operation in api.operations if (audience := operation.backend.audience) is not None}
        return replace(runtime, id_tokens=self.signer.tokens(audiences, time.time())) if audiences else runtime

    @property
    def signer(self) -> Signer:
        if self._signer is None:
            # Imported only if a backend needs ID tokens: cryptography takes long to import.
            from gateway.tokens.id_tokens import signer
            from gateway.tokens.signing_key import SigningKeyError

            try:
                self._signer = signer(self._options.signing_key)
            except SigningKeyError as err:
                raise ServeError(str(err)) from err
        return self._signer


def serve(
    loader: Loader, options: Options, say: Callable[..., None], report_error: Callable[[Exception], None]
) -> None:
    """Serve until SIGTERM or SIGINT; raises one of `ConfigurationErrors`, or EnvoyError.

    If a file changes so that it can no longer be served, `report_error` is called and the former state stays.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _require_free_port(options.address, options.port)
    # Made before the files are read, so that no change in between is missed.
    watcher = FileWatcher(options.watched_files)
    api, runtime = loader.load()
    admin = None
    if options.admin_port is not None:
        _require_free_port("127.0.0.1", options.admin_port)
        admin = admin_listener(options.admin_port, loader.signer.key.key_set)
    with Envoy(envoy_binary(), api, runtime, admin, options.workers) as envoy:
        envoy.start()
        print(f"gateway ready on http://{options.address}:{options.port}", flush=True)
        Thread(target=warn_about_unreachable_issuers, args=(api, runtime, say), daemon=True).start()
        renew_at = time.monotonic() + RENEW_SECONDS
        while not stop.wait(WATCH_SECONDS):
            if not envoy.is_alive():
                raise EnvoyError(f"Envoy exited unexpectedly; {SEE_LOG}")
            if watcher.changed():
                try:
                    api, runtime = loader.load()
                    envoy.change(api, runtime)
                except (*ConfigurationErrors, EnvoyError) as err:
                    report_error(err)
                    continue
                # A bug must not end a gateway that serves.
                except Exception as err:
                    report_error(ServeError(f"unforeseen {type(err).__name__} while reading the files"))
                    continue
                say(f"reloaded {options.document}")
                renew_at = time.monotonic() + RENEW_SECONDS
            elif runtime.id_tokens and time.monotonic() > renew_at:
                runtime = loader.with_new_tokens(api, runtime)
                envoy.change(api, runtime)
                renew_at = time.monotonic() + RENEW_SECONDS


def _require_free_port(address: str, port: int) -> None:
    """Report a port that is in use before anything else is done."""
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, port), family=family).close()
    except OSError as err:
        # `create_server` appends the address in parentheses.
        reason = str(err.strerror).partition(" (")[0].lower()
        raise ServeError(f"cannot listen on {address}:{port}: {reason}; choose another port") from err


def _key_set(path: Path) -> str:
    try:
        text = read_text(path)
        found = json.loads(text)
    except YamlFileError as err:
        raise ServeError(err.at(path)) from err
    except (ValueError, RecursionError) as err:
        raise ServeError(f"{path}: is not valid JSON: {err}") from err
    if not isinstance(found, dict):
        raise ServeError(f'{path}: should be a JWKS, `{{"keys": […]}}`')
    return text


def _unknown_key_set() -> str:
    """The key set of a key that nobody has: Envoy rejects an issuer without any keys."""
    from gateway.tokens.signing_key import ES256, new_key

    return json.dumps(new_key(ES256).key_set)
