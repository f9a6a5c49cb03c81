"""The life of `python -m gateway serve`: ready, reloaded, logged, ended."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from tests.gateway.conftest import Lab
from tests.gateway.echo import Echo, echo
from tests.gateway.serving import (
    API_KEY,
    Gateway,
    accepts,
    cli,
    document,
    one_path,
    operation,
    serving,
    start,
    wait_until_ready,
)
from tests.running import ROOT, end_process, free_port, wait_for


def envoys(gateway: Gateway) -> list[psutil.Process]:
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
      responses: {{200: {{description: numbers are fine as keys}}}}
"""
    )
    gateway = start(path)
    try:
        wait_until_ready(gateway)
        assert gateway.ask("GET /x").json["path"] == "/x"
    finally:
        end_process(gateway.process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_leaves_nothing_behind(tmp_path: Path, rose: Echo, number: int) -> None:
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


def test_a_request_in_flight_is_answered_before_the_end(tmp_path: Path) -> None:
    with echo("slow") as slow, serving(tmp_path, one_path(slow.url)) as gateway:
        answers: list[int] = []
        thread = threading.Thread(target=lambda: answers.append(gateway.ask("GET /x?hold").status))
        thread.start()
        wait_for(slow.held.is_set, 10, "the request to arrive")
        gateway.process.terminate()
        wait_for(lambda: not accepts(gateway.port), 5, "the gateway to take no more")
        slow.hold.set()
        thread.join(10)
        assert answers == [200]
        assert gateway.process.wait(10) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child to its parent")
def test_envoy_dies_with_a_parent_that_is_killed(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        children = envoys(gateway)
        folder = Path(children[0].cmdline()[2]).parent
        gateway.process.kill()
        wait_for(lambda: not any(map(lives, children)), 5, "Envoy to die")
        gateway.process.wait()
        assert folder.exists()
    with serving(tmp_path, one_path(rose.url)):
        assert not folder.exists(), "the next one cleans up"


def lives(process: psutil.Process) -> bool:
    """A zombie whose new parent does not bury it is dead all the same."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_dead_envoy_ends_the_gateway_in_one_line(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        for child in envoys(gateway):
            child.kill()
        assert gateway.process.wait(10) == 1
        assert gateway.errors[-1:] == ["Envoy ended unexpectedly: its reason stands above"]


@pytest.mark.parametrize("which", ["port", "admin-port"])
def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path, rose: Echo, which: str) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(one_path(rose.url)))
    ports = {"port": free_port(), "admin-port": free_port()} | {which: rose.server_port}
    run = cli("serve", str(path), *(f"--{name}={port}" for name, port in ports.items()))
    assert run.returncode == 1
    assert run.stderr == f"cannot listen on 127.0.0.1:{rose.server_port}: address already in use; choose another port\n"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        pytest.param("{", "is not YAML", id="not-yaml"),
        pytest.param("a: 1", "should be a list", id="not-a-list"),
        pytest.param("[1]", "entry 1: should be a mapping", id="not-a-mapping"),
        pytest.param("- {key: a}", "entry 1: consumer: should be a string", id="no-consumer"),
        pytest.param('- {key: "", consumer: "1"}', "entry 1: key: should be a string", id="empty-key"),
        pytest.param('- {key: a, consumer: "1", enable: no}', "entry 1: enable: is not a field", id="unknown-field"),
        pytest.param('- {key: a, consumer: "1"}\n- {key: a, consumer: "2"}', "entry 1: the same key", id="twice"),
        pytest.param(
            '- {key: a, consumer: "1"}\n- {key: b, consumer: "1", enabled: false}',
            "entry 2: consumer 1 is enabled once and once not",
            id="contradiction",
        ),
    ],
)
def test_a_keys_file_that_cannot_be_used_is_said_in_one_line(
    tmp_path: Path, rose: Echo, keys: str, message: str
) -> None:
    path, keys_file = tmp_path / "document.json", tmp_path / "keys.yaml"
    path.write_text(json.dumps(one_path(rose.url)))
    keys_file.write_text(keys)
    run = cli("serve", str(path), f"--port={free_port()}", f"--keys={keys_file}")
    assert run.returncode == 1
    assert run.stderr.startswith(f"{keys_file}: {message}")
    assert run.stderr.count("\n") == 1


def test_a_document_that_cannot_be_served_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "document.yaml"
    path.write_text('swagger: "2.0"\ninfo: {title: t, version: "1"}\nhost: a:80\npaths:\n  /x:\n    get: {}\n')
    run = cli("serve", str(path), f"--port={free_port()}")
    assert run.returncode == 1
    assert f"{path}:3: error: $.host: " in run.stderr
    assert f"{path}:6: error: $.paths['/x'].get: has no backend" in run.stderr
    assert f"{path}:6: error: $.paths['/x'].get: has no responses" in run.stderr
    assert "Traceback" not in run.stderr


def test_no_keys_at_all_means_that_no_key_is_valid(tmp_path: Path, rose: Echo) -> None:
    guarded = document({"/x": {"get": operation(rose.url, key=True)}}, securityDefinitions=API_KEY)
    with serving(tmp_path, guarded, keys=[]) as gateway:
        assert gateway.ask("GET /x", {"x-api-key": "any"}).status == 400
        assert gateway.ask("GET /x").status == 401


def test_if_no_consumer_is_enabled_nobody_passes(tmp_path: Path, rose: Echo) -> None:
    guarded = document({"/x": {"get": operation(rose.url, key=True)}}, securityDefinitions=API_KEY)
    with serving(tmp_path, guarded, keys=[{"key": "a", "consumer": "1", "enabled": False}]) as gateway:
        assert gateway.ask("GET /x", {"x-api-key": "a"}).status == 403


def test_the_access_log_has_a_json_line_for_each_request_and_no_secrets(lab: Lab) -> None:
    secret = lab.gardeners.token()
    lab.ask(f"GET /both?access_token={secret}&key=good&mark=1", {"user-agent": "log-test"})
    lab.ask("GET /nope?key=good", {"user-agent": "log-test"})

    def logged() -> list[dict[str, Any]]:
        return [entry for entry in lab.gateway.log if entry["user_agent"] == "log-test"]

    wait_for(lambda: len(logged()) == 2, 5, "the log")
    found, lost = sorted(logged(), key=lambda entry: entry["status"])
    assert found["path"] == "/both"
    assert (found["operation"], found["method"], found["consumer"]) == ("both", "GET", "1111")
    assert found["backend"] == "http://tulip.test:80"
    assert found["request_id"]
    assert (lost["status"], lost["path"], lost["details"]) == (404, "/nope", "route_not_found")
    assert not [line for line in lab.gateway.lines + lab.gateway.errors if secret in line or "key=" in line]


def test_the_admin_port_has_prometheus_statistics_on_loopback_alone(lab: Lab) -> None:
    with urlopen(f"http://127.0.0.1:{lab.admin_port}/stats/prometheus", timeout=5) as answer:
        statistics = answer.read().decode()
    assert "envoy_http_downstream_rq_total" in statistics
    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="http_rose_test_80"}' in statistics
    [envoy] = envoys(lab.gateway)
    listening = {c.laddr for c in envoy.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert {(a.ip, a.port) for a in listening} == {("127.0.0.1", lab.gateway.port), ("127.0.0.1", lab.admin_port)}


def test_a_backend_that_dies_is_alone_in_it_and_back_within_two_seconds(tmp_path: Path, rose: Echo) -> None:
    """Under load to both: only requests to the dead one fail, with 503, and only while it is dead."""
    port = free_port()
    paths = {"/well": {"get": operation(rose.url)}, "/ill": {"get": operation(f"http://127.0.0.1:{port}")}}
    backend = killable(port)
    try:
        with serving(tmp_path, document(paths)) as gateway:
            stop = threading.Event()
            seen: dict[str, list[tuple[float, int]]] = {"/well": [], "/ill": []}

            def keep_asking(path: str) -> None:
                while not stop.wait(0.02):
                    status = gateway.ask(f"GET {path}").status
                    seen[path].append((time.monotonic(), status))

            def last(path: str, status: int, after: float) -> bool:
                return bool(seen[path]) and seen[path][-1] > (after, 0) and seen[path][-1][1] == status

            threads = [threading.Thread(target=keep_asking, args=(path,)) for path in seen]
            for thread in threads:
                thread.start()
            try:
                wait_for(lambda: len(seen["/ill"]) > 10, 10, "some answers")
                died = time.monotonic()
                backend.kill()
                backend.wait()
                wait_for(lambda: last("/ill", 503, died + 0.5), 5, "failures for half a second")
                backend = killable(port)
                back = time.monotonic()
                wait_for(lambda: last("/ill", 200, back), 2, "the backend's return")
            finally:
                stop.set()
                for thread in threads:
                    thread.join(10)
    finally:
        end_process(backend)
    assert {status for _, status in seen["/well"]} == {200}
    assert {status for answered, status in seen["/ill"] if answered < died} == {200}
    assert {status for _, status in seen["/ill"]} == {200, 503}


def killable(port: int) -> subprocess.Popen[str]:
    """A backend in a process of its own, listening."""
    process = subprocess.Popen([sys.executable, "-m", "tests.gateway.echo", "ill", str(port)], cwd=ROOT, text=True)
    wait_for(lambda: accepts(port) or process.poll() is not None, 10, "the backend")
    return process


def test_the_bootstrap_can_be_printed_instead(tmp_path: Path, rose: Echo) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(one_path(rose.url)))
    run = cli("serve", str(path), "--port=8080", "--admin-port=9090", "--bootstrap")
    assert run.returncode == 0, run.stderr
    printed = json.loads(run.stdout)
    assert printed["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9090}
    assert printed["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] == 8080


def test_what_the_command_line_names_in_vain_is_said(tmp_path: Path, rose: Echo) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text('{"keys": []}')
    arguments = ("--backend=https://nope.test=http://127.0.0.1:1", f"--jwks=https://nobody.test={keys}")
    with serving(tmp_path, one_path(rose.url), *arguments) as gateway:
        assert gateway.errors == [
            f"--backend https://nope.test:443: no operation goes there; they go to {rose.url}",
            "--jwks https://nobody.test: no operation asks for a token of that issuer",
        ]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        pytest.param("--backend=https://x.test", "should be URL=URL", id="backend-without-a-second"),
        pytest.param("--backend=x=http://127.0.0.1:1", "no http or https URL", id="backend-is-no-url"),
        pytest.param("--backend=http://x/y=http://127.0.0.1:1", "has a path", id="backend-with-a-path"),
        pytest.param("--jwks=https://x.test", "should be URL=FILE", id="jwks-without-a-file"),
        pytest.param("--port=99999", "equal to 65535", id="port"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(tmp_path: Path, argument: str, message: str) -> None:
    run = cli("serve", str(tmp_path / "document.json"), argument)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr
