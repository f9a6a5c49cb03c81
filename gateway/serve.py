"""`python -m gateway serve`: compile a document, run Envoy on it, follow its changes, until told to stop."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from gateway.check import checked
from gateway.discovery import DiscoveryError, discovered
from gateway.envoy.admin import admin_listener
from gateway.local import KeysError, Local, nobody, read_keys
from gateway.problems import Problem, UnsupportedSpec
from gateway.process import Envoy, EnvoyError, envoy_binary
from gateway.routes import Api, Origin, built

if TYPE_CHECKING:
    from gateway.tokens import Signer

WATCH_SECONDS = 0.2
# The ID tokens hold for an hour, as Google's do.
RENEW_SECONDS = 1800


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    document: Path
    port: int
    address: str = "127.0.0.1"
    admin_port: int | None = None
    keys: Path | None = None
    elsewhere: Mapping[Origin, Origin] = field(default_factory=dict)
    jwks: Mapping[str, Path] = field(default_factory=dict)
    signing_key: Path | None = None
    service: str | None = None
    workers: int | None = None

    @property
    def files(self) -> list[Path]:
        """What is read again when it changes."""
        return [self.document, *([self.keys] if self.keys else []), *self.jwks.values()]


class ServeError(Exception):
    """The gateway cannot be served; the message says why in one line."""


# What a document, a keys file or a key set can be at fault for: the message is for the person who wrote it.
Faults = (UnsupportedSpec, KeysError, DiscoveryError, ServeError)


class Loader:
    """Reads all that the options name and compiles it; `warn` hears of what is worth a warning."""

    def __init__(self, options: Options, warn: Callable[[tuple[Problem, ...]], None]) -> None:
        self._options = options
        self._warn = warn
        self._signer: Signer | None = None

    def load(self) -> tuple[Api, Local]:
        """The API and its surroundings; raises one of `Faults`."""
        options = self._options
        found = checked(options.document)
        if found.fatal:
            raise UnsupportedSpec(found.problems)
        self._warn(found.problems)
        api = discovered(built(found.document.data, options.service), options.jwks.keys())
        local = Local(
            port=options.port,
            address=options.address,
            keys=read_keys(options.keys) if options.keys else nobody(),
            elsewhere=options.elsewhere,
            jwks={url: _key_set(path) for url, path in options.jwks.items()},
            ca_file=ssl.get_default_verify_paths().cafile or Local.ca_file,
        )
        return api, self.renewed(api, local)

    def renewed(self, api: Api, local: Local) -> Local:
        """The same with fresh ID tokens for the backends."""
        audiences = {audience for route in api.routes if (audience := route.backend.audience) is not None}
        return replace(local, id_tokens=self.signer.tokens(audiences, time.time())) if audiences else local

    @property
    def signer(self) -> Signer:
        if self._signer is None:
            # Only documents whose backends are sent tokens pay for the cryptography.
            from gateway.tokens import SigningKeyError, signer

            try:
                self._signer = signer(self._options.signing_key)
            except SigningKeyError as err:
                raise ServeError(str(err)) from err
        return self._signer


def serve(loader: Loader, options: Options, say: Callable[[str], None], complain: Callable[[Exception], None]) -> None:
    """Serve until SIGTERM or SIGINT; raises one of `Faults`, or EnvoyError.

    Later on `say` hears what happens, and `complain` of a change that cannot be served: then all stays as it was.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _claim(options.address, options.port)
    seen = _signatures(options.files)
    api, local = loader.load()
    for remark in strays(options, api):
        say(remark)
    admin = None
    if options.admin_port is not None:
        _claim("127.0.0.1", options.admin_port)
        admin = admin_listener(options.admin_port, loader.signer.public_keys)
    with Envoy(envoy_binary(), api, local, admin, options.workers) as envoy:
        envoy.start()
        print(f"gateway ready on http://{options.address}:{options.port}", flush=True)
        renew_at = time.monotonic() + RENEW_SECONDS
        now = seen
        while not stop.wait(WATCH_SECONDS):
            if not envoy.is_alive():
                raise EnvoyError("Envoy ended unexpectedly: its reason stands above")
            before, now = now, _signatures(options.files)
            if now == before != seen:
                # Whoever writes has finished: nothing has changed since the last look.
                seen = now
                try:
                    api, local = loader.load()
                    envoy.change(api, local)
                except (*Faults, EnvoyError) as err:
                    complain(err)
                    continue
                say(f"reloaded {options.document}")
                renew_at = time.monotonic() + RENEW_SECONDS
            elif local.id_tokens and time.monotonic() > renew_at:
                local = loader.renewed(api, local)
                envoy.change(api, local)
                renew_at = time.monotonic() + RENEW_SECONDS


def strays(options: Options, api: Api) -> Iterator[str]:
    """What the command line names and the document does not."""
    origins = {route.backend.origin for route in api.routes}
    for found in options.elsewhere.keys() - origins:
        yield f"--backend {found}: no operation goes there; they go to {', '.join(sorted(map(str, origins)))}"
    issuers = {name for issuer in api.issuers for name in (issuer.issuer, issuer.jwks_uri)}
    for url in options.jwks.keys() - issuers:
        yield f"--jwks {url}: no operation asks for a token of that issuer"


def _signatures(files: list[Path]) -> list[tuple[int, ...] | None]:
    """What changes when a file does, also when another takes its place; None while there is none."""
    found: list[tuple[int, ...] | None] = []
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return found


def _claim(address: str, port: int) -> None:
    """Find out early, and in one line, that a port cannot be had."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except (OSError, OverflowError) as err:
            reason = getattr(err, "strerror", None) or "it is no port"
            raise ServeError(f"cannot listen on {address}:{port}: {reason.lower()}; choose another port") from err


def _key_set(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as err:
        raise ServeError(f"{path}: cannot be read: {err.strerror}") from err
    except ValueError as err:
        raise ServeError(f"{path}: is not JSON: {err}") from err
    if not isinstance(found, dict):
        raise ServeError(f'{path}: should be a JWKS, `{{"keys": […]}}`')
    return text
