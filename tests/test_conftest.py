"""The guard in conftest.py fails unmarked tests that start a process or use a socket."""

import socket
import subprocess
import sys

import pytest

refused = pytest.mark.xfail(strict=True, raises=pytest.fail.Exception, reason="not marked `integration`")


@refused
def test_an_unmarked_test_may_not_start_a_process() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


@refused
def test_an_unmarked_test_may_not_bind_a_socket() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


@refused
def test_an_unmarked_test_may_not_connect_a_socket() -> None:
    with socket.socket() as client:
        client.connect_ex(("127.0.0.1", 9))


@pytest.mark.integration
def test_a_marked_test_may() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)
