"""The code of the services may not open connections of its own, unpickle data, or run code from it.

export/test_state_dict.py tests that the export refuses malicious pickles.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import requests

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, free_port
from services.artifact import stored_file
from tests.running import StartService
from tests.services.classifier.fetch.sites import response, says, site
from tests.services.classifier.test_main import failed_start

NAME = "efficientnet-lite0"
SERVING = sorted(
    [
        ROOT / "services" / name
        for name in ("artifact.py", "environment.py", "logs.py", "problems.py", "published_document.py")
    ]
    + [path for folder in ("http", "classifier", "directory") for path in (ROOT / "services" / folder).rglob("*.py")]
)
# Modules that can open a connection, and the files that may import them.
NETWORK = {
    "socket": {
        "services/classifier/workers/sandbox.py",
        "services/classifier/workers/fork_server.py",
        "services/classifier/workers/pool.py",
        "services/classifier/fetch/transport.py",
        "services/http/connection.py",
        "services/http/server.py",
    },
    "httpcore": {"services/classifier/fetch/fetch.py", "services/classifier/fetch/transport.py"},
    "ssl": {"services/classifier/fetch/fetch.py", "services/classifier/fetch/transport.py"},
}
OTHER_NETWORK = {
    "ftplib",
    "http.client",
    "httpx",
    "requests",
    "smtplib",
    "socketserver",
    "urllib.request",
    "urllib3",
    "xmlrpc",
}
CODE_FROM_DATA = {"cloudpickle", "ctypes", "dill", "joblib", "marshal", "pickle", "shelve", "subprocess", "torch"}
# They call functions of the C library and of libwebp, which Pillow contains.
CALLERS = ("workers/memory", "workers/seccomp", "decoding/webp")
EXCEPTIONS = {(f"services/classifier/{name}.py", "ctypes") for name in CALLERS}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


@cache
def calls(path: Path) -> list[str]:
    """What a module calls, as it is written."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]


def names(module: str, of: str) -> bool:
    return module == of or module.startswith(f"{of}.")


@pytest.mark.parametrize("path", SERVING, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_fetching_modules_import_network_libraries(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    for module in imported(path):
        assert not [banned for banned in OTHER_NETWORK if names(module, banned)], f"{place} imports {module}"
        for network, allowed in NETWORK.items():
            assert not names(module, network) or place in allowed, f"{place} imports {module}"


OPENING = {"connect_ex", "connect_tcp", "create_connection", "open_connection"}


def test_one_function_opens_connections() -> None:
    opening = Counter(
        str(path.relative_to(ROOT)) for path in SERVING for name in calls(path) if name.rpartition(".")[2] in OPENING
    )
    assert opening == {"services/classifier/fetch/transport.py": 1}
    assert not [name for path in SERVING for name in calls(path) if name.endswith(".connect")]


@pytest.mark.parametrize("path", SERVING, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_serving_module_can_run_code_from_data(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    for module in imported(path):
        found = [banned for banned in CODE_FROM_DATA if names(module, banned)]
        assert not found or (place, module) in EXCEPTIONS, f"{place} imports {module}"
    assert not set(calls(path)) & {
        "eval",
        "exec",
        "compile",
        "os.system",
        "os.popen",
        "os.execv",
        "__import__",
        "np.load",
    }


# Records the audit events of the whole process.
WATCH = """
import os, sys
WATCHED = set("{events}".split())
seen = os.open({file!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def tell(event, arguments):
    reads = event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
    if event in WATCHED and not reads:
        line = f"{{event}} {{[str(a)[:80] for a in arguments][:2]}}\\n"
        os.write(seen, line.encode("utf-8", "replace"))
sys.addaudithook(tell)
"""
EVENTS = """
open os.exec os.mkdir os.posix_spawn os.remove os.rename os.system pickle.find_class shutil.rmtree
socket.connect socket.getaddrinfo subprocess.Popen
"""


@pytest.mark.integration
def test_a_service_connects_only_to_urls_from_requests_and_writes_no_file(
    start_service: StartService, photos: list[Photo], tmp_path: Path
) -> None:
    """By Python's audit events: it connects only to URLs from requests, and writes no file."""
    seen = tmp_path / "seen"
    (tmp_path / "sitecustomize.py").write_text(WATCH.format(file=str(seen), events=" ".join(EVENTS.split())))
    with site(says(response(photos[0].data))) as served:
        service = start_service(
            MODEL_NAME=NAME,
            GUICHET_URL_LOOPBACK="on",
            PYTHONPATH=str(tmp_path),
            PYTHONDONTWRITEBYTECODE="1",
            COVERAGE_PROCESS_CONFIG="",  # with `make coverage`, it would write a file
        )
        predict = f"{service.url}/predict"
        assert requests.post(predict, data=photos[0].data, timeout=10).status_code == 200
        assert requests.post(predict, files={"image": photos[0].data}, timeout=10).status_code == 200
        assert requests.post(predict, json={"url": served.url}, timeout=10).status_code == 200
        for path in ("/live", "/ready", "/model", "/metrics", "/nothing"):
            requests.get(f"{service.url}{path}", timeout=10)
        assert service.stop() == 0
        port = served.port
    events = seen.read_text().splitlines()
    assert [event for event in events if event.startswith("socket.connect")] == [
        event for event in events if event.startswith("socket.connect") and f"('127.0.0.1', {port})" in event
    ]
    harmless = re.compile(rf"socket\.|open \['({seen}|/dev/null|[0-9]+', 'w)")
    assert [event for event in events if not harmless.match(event)] == []


@pytest.mark.integration
def test_a_pickle_instead_of_the_weights_is_never_executed(artifacts: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(artifacts / NAME, tmp_path / NAME))
    canary = tmp_path / "canary"
    (folder / "model.bin").write_bytes(f"cos\nsystem\n(S'touch {canary}'\ntR.".encode())
    receipt = json.loads((folder / "receipt.json").read_text())
    now = stored_file(folder / "model.bin")
    receipt["files"]["model.bin"] = {"bytes": now.bytes, "sha256": now.sha256}
    (folder / "receipt.json").write_text(json.dumps(receipt))
    line, *_ = failed_start(MODEL_NAME=NAME, MODEL_DIR=str(tmp_path), PORT=str(free_port()))
    assert "cannot be loaded; export the model again" in line
    assert not canary.exists()
