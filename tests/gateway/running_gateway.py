"""Gateways in processes of their own: `python -m gateway serve`."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.harness.process import ROOT, end_process, environment, free_port, wait_for
from tests.forked import run_module
from tests.gateway.echo_backend import Echo
from tests.gateway.http_client import Headers, Response, send
from tests.gateway.jwt_issuer import JwtIssuer

START_SECONDS = 60
KEYS = [
    {"key": "good", "consumer": "1111"},
    {"key": "second", "consumer": "2222"},
    {"key": "elsewhere", "consumer": "9999", "enabled": False},
]


@dataclass
class RunningGateway:
    """A gateway's process; `lines` and `errors` are its standard output and standard error so far."""

    port: int
    process: subprocess.Popen[str]
    document: Path
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def send(self, line: str, headers: Headers = (), body: bytes | None = None) -> Response:
        return send(self.port, line, headers, body)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The access log."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]


@dataclass(frozen=True)
class SharedGateway:
    """The gateway on `all_features.yaml`, its backends and the issuers it accepts."""

    gateway: RunningGateway
    rose: Echo
    tulip: Echo
    gardeners: JwtIssuer
    florists: JwtIssuer
    admin_port: int

    def send(self, line: str, headers: Headers = (), body: bytes | None = None) -> Response:
        return self.gateway.send(line, headers, body)

    @property
    def forwarded(self) -> int:
        """The number of requests that have reached a backend."""
        return self.rose.requests + self.tulip.requests


def start(
    document: Path,
    *arguments: str,
    keys: Path | None = None,
    variables: Mapping[str, str] | None = None,
    program: Sequence[str] = (sys.executable, "-m", "gateway"),
    folder: Path = ROOT,
) -> RunningGateway:
    """Start a gateway in `folder` without waiting for it."""
    port = free_port()
    command = [*program, "serve", str(document), f"--port={port}", *arguments]
    if keys is not None:
        command.append(f"--keys={keys}")
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(**(variables or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    gateway = RunningGateway(port, process, document)
    for stream, lines in ((process.stdout, gateway.lines), (process.stderr, gateway.errors)):
        threading.Thread(target=_read, args=(stream, lines), daemon=True).start()
    return gateway


def _read(stream: IO[str], lines: list[str]) -> None:
    with stream:
        for line in stream:
            lines.append(line.rstrip("\n"))


@contextmanager
def serving(
    folder: Path,
    document: Mapping[str, Any],
    *arguments: str,
    keys: object = KEYS,
    variables: Mapping[str, str] | None = None,
) -> Iterator[RunningGateway]:
    """A gateway on the document, started and ready; stopped afterwards."""
    path = folder / "document.json"
    path.write_text(json.dumps(document))
    (folder / "keys.yaml").write_text(json.dumps(keys))
    gateway = start(path, *arguments, keys=folder / "keys.yaml", variables=variables)
    try:
        wait_until_ready(gateway)
        yield gateway
    finally:
        end_process(gateway.process)


@contextmanager
def shared_gateway(folder: Path, document: Mapping[str, Any], rose: Echo, tulip: Echo) -> Iterator[SharedGateway]:
    """A gateway on a document whose backends are rose.test and tulip.test, with the key sets of both issuers."""
    gardeners = JwtIssuer("https://gardeners.test", "garden", "RS256")
    florists = JwtIssuer("https://florists.test", "shop", "ES256")
    arguments = []
    for issuer in (gardeners, florists):
        file = folder / f"{issuer.audience}.json"
        file.write_text(issuer.jwks)
        arguments.append(f"--jwks={issuer.name}/keys.json={file}")
    admin_port = free_port()
    arguments += [
        f"--admin-port={admin_port}",
        f"--backend=http://rose.test={rose.url}",
        f"--backend=http://tulip.test={tulip.url}",
        f"--backend=http://closed.test=http://127.0.0.1:{free_port()}",
    ]
    with serving(folder, document, *arguments) as gateway:
        yield SharedGateway(gateway, rose, tulip, gardeners, florists, admin_port)


def wait_until_ready(gateway: RunningGateway) -> None:
    ready = f"gateway ready on http://127.0.0.1:{gateway.port}"
    wait_for(lambda: ready in gateway.lines or gateway.process.poll() is not None, START_SECONDS, "the gateway")
    assert ready in gateway.lines, gateway.errors


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def cli(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python -m gateway` to its end."""
    return run_module("gateway", *arguments, imports="gateway.commands.cli", stdin=stdin)
