"""Real gateways: `python -m gateway serve` in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.operations import METHODS
from tests.gateway.asking import Answer, Headers, ask
from tests.running import ROOT, end_process, environment, free_port, wait_for

START_SECONDS = 20
KEYS = [
    {"key": "good", "consumer": "1111"},
    {"key": "second", "consumer": "2222"},
    {"key": "elsewhere", "consumer": "9999", "enabled": False},
]


@dataclass
class Gateway:
    """A running gateway; `lines` is what it has printed."""

    port: int
    process: subprocess.Popen[str]
    document: Path
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def ask(self, line: str, headers: Headers = (), body: bytes | None = None) -> Answer:
        return ask(self.port, line, headers, body)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The access log."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]


def start(
    document: Path,
    *arguments: str,
    keys: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Gateway:
    """The gateway, not waited for."""
    port = free_port()
    command = [sys.executable, "-m", "gateway", "serve", str(document), f"--port={port}", *arguments]
    if keys is not None:
        command.append(f"--keys={keys}")
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(**(variables or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    gateway = Gateway(port, process, document)
    for stream, into in ((process.stdout, gateway.lines), (process.stderr, gateway.errors)):
        threading.Thread(target=_read, args=(stream, into), daemon=True).start()
    return gateway


def _read(stream: Any, into: list[str]) -> None:
    with stream:
        for line in stream:
            into.append(line.rstrip("\n"))


@contextmanager
def serving(
    folder: Path,
    document: Mapping[str, Any],
    *arguments: str,
    keys: object = KEYS,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """A gateway on the document, ready; ended afterwards."""
    path = folder / "document.json"
    path.write_text(json.dumps(document))
    (folder / "keys.yaml").write_text(json.dumps(keys))
    gateway = start(path, *arguments, keys=folder / "keys.yaml", variables=variables)
    try:
        wait_until_ready(gateway)
        yield gateway
    finally:
        end_process(gateway.process)


def wait_until_ready(gateway: Gateway) -> None:
    ready = f"gateway ready on http://127.0.0.1:{gateway.port}"
    wait_for(lambda: ready in gateway.lines or gateway.process.poll() is not None, START_SECONDS, "the gateway")
    assert ready in gateway.lines, gateway.errors


def document(paths: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """An OpenAPI 2.0 document with these paths; operations need to say only what matters to the test."""
    filled = {
        path: {
            key: {"responses": {"200": {"description": "ok"}}, **value} if key in METHODS else value
            for key, value in item.items()
        }
        for path, item in paths.items()
    }
    return {"swagger": "2.0", "info": {"title": "test", "version": "1"}, **more, "paths": filled}


def backend(address: str, translation: str = "APPEND_PATH_TO_ADDRESS", **more: Any) -> dict[str, Any]:
    """An `x-google-backend`; no ID token unless the test asks for one."""
    return {"address": address, "path_translation": translation, "disable_auth": True, **more}


API_KEY = {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}


def operation(
    address: str, translation: str = "APPEND_PATH_TO_ADDRESS", *, key: bool = False, **more: Any
) -> dict[str, Any]:
    fields: dict[str, Any] = {"x-google-backend": backend(address, translation, **more)}
    return fields | ({"security": [{"api_key": []}]} if key else {})


def one_path(url: str, path: str = "/x", **more: Any) -> dict[str, Any]:
    return document({path: {"get": operation(url)}}, **more)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
