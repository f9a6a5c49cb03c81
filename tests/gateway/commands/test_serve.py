"""The life of `python -m gateway serve`: start, signals and failures. See `test_reload.py` for changes."""

import json
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.harness.process import end_process, free_port, wait_for
from tests.gateway.documents import one_path, with_key
from tests.gateway.echo_backend import Echo, echo_backend
from tests.gateway.running_gateway import RunningGateway, accepts, cli, serving, start, wait_until_ready

pytestmark = pytest.mark.integration


def envoys(gateway: RunningGateway) -> list[psutil.Process]:
    return psutil.Process(gateway.process.pid).children(recursive=True)


def test_a_yaml_document_is_served_like_a_json_one(tmp_path: Path, rose: Echo) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(
        f"""
swagger: "2.0"
info: {{title: t, version: 1.0.0}}
x-google-backend: {{address: "{rose.url}", disable_auth: true}}
paths:
  /x:
    get:
      operationId: x
      responses: {{200: {{description: a number as a key}}}}
"""
    )
    gateway = start(path)
    try:
        wait_until_ready(gateway)
        assert gateway.send("GET /x").json["path"] == "/x"
    finally:
        end_process(gateway.process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_and_leaves_nothing_behind(tmp_path: Path, rose: Echo, number: int) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        children = envoys(gateway)
        folders = {Path(child.cmdline()[2]).parent for child in children}
        assert children
        began = time.monotonic()
        gateway.process.send_signal(number)
        assert gateway.process.wait(10) == 0
        assert time.monotonic() - began < 3
        assert not any(child.is_running() for child in children)
        assert not any(folder.exists() for folder in folders)
        assert not gateway.errors


def test_a_request_in_flight_gets_its_response_before_the_gateway_stops(tmp_path: Path) -> None:
    with echo_backend("slow") as slow, serving(tmp_path, one_path(slow.url)) as gateway:
        responses: list[int] = []
        thread = threading.Thread(target=lambda: responses.append(gateway.send("GET /x?hold").status))
        thread.start()
        wait_for(slow.held.is_set, 10, "the request to arrive")
        gateway.process.terminate()
        wait_for(lambda: not accepts(gateway.port), 20, "the gateway to stop accepting")
        slow.hold.set()
        thread.join(10)
        assert responses == [200]
        assert gateway.process.wait(10) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs setpriv")
def test_envoy_dies_with_a_parent_that_is_killed(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        children = envoys(gateway)
        folder = Path(children[0].cmdline()[2]).parent
        gateway.process.kill()
        wait_for(lambda: not any(map(is_running, children)), 20, "Envoy to die")
        gateway.process.wait()
        assert folder.exists()
    with serving(tmp_path, one_path(rose.url)):
        assert not folder.exists(), "the next gateway deletes it"


def is_running(process: psutil.Process) -> bool:
    """Zombies count as dead: their new parent may not reap them."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_gateway_exits_if_envoy_dies(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        for child in envoys(gateway):
            child.kill()
        assert gateway.process.wait(10) == 1
        assert gateway.errors[-1].startswith("Envoy exited")


@pytest.mark.parametrize("which", ["port", "admin-port"])
def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path, rose: Echo, which: str) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(one_path(rose.url)))
    ports = {"port": free_port(), "admin-port": free_port()} | {which: rose.server_port}
    run = cli("serve", str(path), *(f"--{name}={port}" for name, port in ports.items()))
    assert run.returncode == 1
    assert run.stderr == f"cannot listen on 127.0.0.1:{rose.server_port}: address already in use; choose another port\n"


def test_a_document_that_cannot_be_served_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "document.yaml"
    path.write_text('swagger: "2.0"\ninfo: {title: t, version: "1"}\nhost: a:80\npaths:\n  /x:\n    get: {}\n')
    run = cli("serve", str(path), f"--port={free_port()}")
    assert run.returncode == 1
    errors = [line.split(": error: ")[0] for line in run.stderr.splitlines() if ": error: " in line]
    assert errors == [f"{path}:3", f"{path}:6", f"{path}:6", f"{path}:6"]
    assert "Traceback" not in run.stderr


def test_an_invalid_keys_file_is_explained_in_one_line(tmp_path: Path, rose: Echo) -> None:
    path, keys = tmp_path / "document.json", tmp_path / "keys.yaml"
    path.write_text(json.dumps(one_path(rose.url)))
    keys.write_text("a: 1")
    run = cli("serve", str(path), f"--port={free_port()}", f"--keys={keys}")
    assert run.returncode == 1
    assert run.stderr.startswith(f"{keys}: ")
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize("content", ["{", "[]"], ids=["not-json", "not-a-key-set"])
def test_an_invalid_key_set_is_explained_in_one_line(tmp_path: Path, rose: Echo, content: str) -> None:
    path, jwks = tmp_path / "document.json", tmp_path / "jwks.json"
    path.write_text(json.dumps(one_path(rose.url)))
    jwks.write_text(content)
    run = cli("serve", str(path), f"--port={free_port()}", f"--jwks=https://issuer.test={jwks}")
    assert run.returncode == 1
    assert run.stderr.startswith(f"{jwks}: ")
    assert run.stderr.count("\n") == 1


def test_without_any_key_no_key_is_valid(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, with_key(rose.url), keys=[]) as gateway:
        assert gateway.send("GET /x", {"x-api-key": "any"}).status == 400
        assert gateway.send("GET /x").status == 401


def test_if_no_consumer_is_enabled_no_key_is_accepted(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, with_key(rose.url), keys=[{"key": "a", "consumer": "1", "enabled": False}]) as gateway:
        assert gateway.send("GET /x", {"x-api-key": "a"}).status == 403


def test_options_that_match_nothing_in_the_document_are_reported(tmp_path: Path, rose: Echo) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text('{"keys": []}')
    arguments = ("--backend=https://nope.test=http://127.0.0.1:1", f"--jwks=https://nobody.test={keys}")
    with serving(tmp_path, one_path(rose.url), *arguments) as gateway:
        assert gateway.errors == [
            f"--backend https://nope.test:443: no backend has this address; the origins are {rose.url}",
            "--jwks https://nobody.test: no operation requires a token of this issuer",
        ]
