"""The log: one JSON object per line, without secrets, and never a reason for a request to wait.

Case 67 of the hostile inputs.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.harness.process import ROOT, environment, free_port, responds, wait_for
from services.logs import LineFormatter, Redaction
from tests.running import Service


@contextlib.contextmanager
def with_output(folder: Path, redirection: str = "", **options: Any) -> Iterator[tuple[Service, subprocess.Popen[str]]]:
    """A fake service with redirected output."""
    port = free_port()
    variables = {"MODEL_NAME": "fake", "FAKE_MODEL": str(folder), "HOST": "127.0.0.1", "PORT": str(port)}
    command = ["bash", "-c", f"exec {sys.executable} -m tests.services.fake_model_service {redirection}"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(**variables), text=True, **options)
    service = Service(f"http://127.0.0.1:{port}", process, folder / "none")
    try:
        wait_for(lambda: process.poll() is not None or responds(f"{service.url}/ready"), 20, "the service to be ready")
        assert process.poll() is None
        yield service, process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def require_flow(service: Service, requests_: int = 600) -> None:
    """Fail unless this many requests get their response and the service then stops."""
    with ThreadPoolExecutor(8) as pool, requests.Session() as session:
        path = f"{service.url}/nothing/{'a' * 500}"
        statuses = set(pool.map(lambda _: session.get(path, timeout=10).status_code, range(requests_)))
    assert statuses == {404}
    assert service.stop() == 0


@pytest.mark.integration
def test_an_unread_log_does_not_delay_requests(tmp_path: Path) -> None:
    """The pipe fills after a few hundred lines."""
    with with_output(tmp_path, stdout=subprocess.PIPE) as (service, process):
        require_flow(service)
        assert process.stdout
        process.stdout.close()


@pytest.mark.integration
def test_a_log_whose_reader_has_exited_does_not_delay_requests(tmp_path: Path) -> None:
    with with_output(tmp_path, stdout=subprocess.PIPE) as (service, process):
        assert process.stdout
        process.stdout.close()
        require_flow(service)


@pytest.mark.integration
@pytest.mark.parametrize("redirection", [">&-", "<&- >&- 2>&-", "> /dev/full"], ids=["closed", "all-closed", "full"])
def test_a_service_works_without_standard_output(tmp_path: Path, redirection: str) -> None:
    with with_output(tmp_path, redirection) as (service, _):
        require_flow(service, 50)


@pytest.mark.integration
def test_each_line_of_the_log_is_one_json_object_whatever_the_request(tmp_path: Path) -> None:
    nasty = ["/%0a%0d{}", "/%1b[31m", "/" + "%f0%9f%98%80" * 300, '/"},{"severity":"EMERGENCY"}', "/%00%ff"]
    with with_output(tmp_path, stdout=subprocess.PIPE) as (service, process):
        for path in nasty:
            for method in ("GET", "POST"):
                headers = {"X-Request-Id": '"},\n{', "Traceparent": "00-" + "a" * 32 + "-b-01\x1b[2J"[:40]}
                with contextlib.suppress(requests.exceptions.InvalidHeader):
                    requests.request(method, f"{service.url}{path}", headers=headers, timeout=5)
                requests.request(method, f"{service.url}{path}", timeout=5)
        service.stop()
        assert process.stdout
        lines = [json.loads(line) for line in process.stdout.read().splitlines()]
        process.stdout.close()
    assert len(lines) >= 2 * len(nasty)
    assert {line["severity"] for line in lines} == {"INFO"}
    assert all("\x1b" not in str(line) and len(json.dumps(line)) < 4096 for line in lines)


def logged(name: str, message: str, level: int = logging.WARNING) -> str:
    """The line for one record."""
    record = logging.LogRecord(name, level, "module.py", 7, message, None, None)
    assert Redaction().filter(record)
    return LineFormatter().format(record)


def test_only_the_location_of_other_packages_messages_is_logged() -> None:
    line = json.loads(logged("urllib3.connection", "http://secret/"))
    assert line.pop("time")
    assert line == {"severity": "WARNING", "logger": "urllib3.connection", "message": "module:7"}


def test_a_log_line_is_one_line_of_bounded_length() -> None:
    assert json.loads(logged("services.x", "a line\nof two"))["message"] == "a line\nof two"
    assert "\n" not in logged("services.x", "a line\nof two")
    long = logged("services.x", "é" * 10_000, logging.ERROR)
    assert len(long.encode()) < 4096
    assert json.loads(long)["severity"] == "ERROR"


def test_only_the_type_of_an_exception_is_logged() -> None:
    try:
        raise ValueError("secret")
    except ValueError:
        record = logging.LogRecord("services.x", logging.ERROR, "module.py", 7, "failed", None, sys.exc_info())
    Redaction().filter(record)
    line = LineFormatter().format(record)
    assert "secret" not in line
    assert json.loads(line)["kind"] == "ValueError"
