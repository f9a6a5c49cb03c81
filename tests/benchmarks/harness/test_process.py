from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.harness.load import apply_load
from benchmarks.harness.process import (
    HOST,
    Command,
    ProcessFailed,
    Request,
    environment,
    free_port,
    free_ports,
    memory,
    run_json,
    running,
    send,
    wait_for,
)

# Responds to every request with its method, and starts a process of its own.
SERVER = """
import subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.command)))
        self.end_headers()
        self.wfile.write(self.command.encode())
    do_POST = do_GET
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def server(port: int) -> Command:
    return Command((sys.executable, "-c", SERVER, str(port)), {})


def test_the_environment_has_no_variables_of_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GUICHET_PROCESSES", "MODEL_DIR", "PORT", "HOST", "API_KEY"):
        monkeypatch.setenv(name, "from the shell")
    monkeypatch.setenv("HOSTNAME", "kept")
    found = environment(PORT="1")
    assert found["PORT"] == "1"
    assert found["HOSTNAME"] == "kept"
    assert not {"GUICHET_PROCESSES", "MODEL_DIR", "HOST", "API_KEY"} & found.keys()


def test_waiting_ends_once_the_condition_holds_or_time_is_up() -> None:
    until = time.monotonic() + 0.05
    wait_for(lambda: time.monotonic() > until, 5, "a moment")
    with pytest.raises(TimeoutError, match="waiting for Godot"):
        wait_for(lambda: False, 0.02, "Godot")


@pytest.mark.integration
def test_free_ports_are_all_different() -> None:
    assert len(set(free_ports(20))) == 20


@pytest.mark.integration
def test_a_server_and_its_descendants_are_ended_with_the_block(tmp_path: Path) -> None:
    port = free_port()
    before = set(psutil.Process().children(recursive=True))
    with running([server(port)], Request(port, "/", {}), tmp_path / "log") as seconds:
        assert 0 < seconds < 30
        assert send(Request(port, "/", {}, b"image")).body == b"POST"
        assert memory() > 0
        started = set(psutil.Process().children(recursive=True)) - before
        assert len(started) >= 2
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in started)


@pytest.mark.integration
def test_a_server_that_exits_is_reported_with_its_log(tmp_path: Path) -> None:
    command = Command((sys.executable, "-c", "raise SystemExit('no such model')"), {})
    with (
        pytest.raises(ProcessFailed, match="no such model"),
        running([command], Request(free_port(), "/", {}), tmp_path / "log"),
    ):
        pass


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_wrk_sends_the_listed_bodies(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "photo").write_bytes(b"image")
    (tmp_path / "bodies").write_text(f"{tmp_path / 'photo'}\n")
    request = Request(port, "/predict", {"x-api-key": "key"})
    with running([server(port)], request, tmp_path / "log"):
        load = apply_load(request, tmp_path / "bodies", connections=2, seconds=1)
    assert load.requests > 0
    assert (load.refused, load.broken) == (0, 0)


@pytest.mark.integration
def test_a_module_that_fails_is_reported_with_its_error() -> None:
    with pytest.raises(ProcessFailed, match="no_such_module"):
        run_json("benchmarks.no_such_module")


def test_the_address_of_servers_is_loopback() -> None:
    assert HOST == "127.0.0.1"
