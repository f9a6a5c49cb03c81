"""Fixtures that tests of several packages share, and a guard: unmarked tests start no process and use no socket."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, end_process, environment, free_port, wait_for
from tests.running import ARTIFACTS, DEFAULT_MODELS, START_SECONDS, Service, StartService, ready_or_dead

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A shell ignores SIGINT in the jobs that it starts in the background, and processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests run side by side: more threads for torch would only contend for the same processors.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# jsonschema would build a parser of internationalised URLs when it is imported, which takes two seconds.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

# Audit events that only a test marked `integration` (or `images`, `thorough`) may cause.
GUARDED = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "socket.bind", "socket.connect"}
events: list[str] = []
TESTS = Path(__file__).parent
INTEGRATION = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.integration\b", re.MULTILINE)


def record_event(event: str, arguments: tuple[object, ...]) -> None:
    if event in GUARDED:
        events.append(f"{event}{arguments[1:2]}")


sys.addaudithook(record_event)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the modules of which `make test-fast` runs no test: that alone would take 15 s."""
    if "not integration" not in config.option.markexpr or collection_path.suffix != ".py":
        return None
    return True if INTEGRATION.search(collection_path.read_text(encoding="utf-8")) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: at the end of the run, no worker waits for another's long file."""
    folders = [f"{TESTS}/{name}/" for name in ("services/export", "e2e", "frontend", "services", "deploy")]

    def place(item: pytest.Item) -> int:
        path = str(item.path)  # Path.parents would take half a second for all of them
        return next((number for number, folder in enumerate(folders) if path.startswith(folder)), len(folders))

    items.sort(key=place)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    events.clear()
    # OpenVINO's converter, in a test before, may have left it at ERROR.
    logging.root.setLevel(logging.WARNING)


browsers = contextlib.ExitStack()


@pytest.fixture(scope="module")
def chromium() -> Browser:
    """One browser for all modules of a worker that follow one another.

    All pages of a context share a process, and thereby what the browser has compiled of the page's scripts.
    """
    from benchmarks.harness.browser import chromium_browser

    return browsers.enter_context(chromium_browser("--renderer-process-limit=1"))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Close the browser if the next test uses none: while Playwright runs, its thread can run no other event loop."""
    if "chromium" not in getattr(nextitem, "fixturenames", ()):
        browsers.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that is not marked, if it or its fixtures started a process or used a socket."""
    yield
    if events and not any(item.get_closest_marker(name) for name in ("integration", "images", "thorough")):
        pytest.fail(f"Mark this test `integration`: {events[0]}", pytrace=False)


@pytest.fixture(scope="session")
def photos() -> list[Photo]:
    """The 20 labelled ImageNet photos in foolbox's wheel."""
    spec = importlib.util.find_spec("foolbox")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "data"
    found = [Photo(path, int(path.stem.rpartition("_")[2])) for path in sorted(folder.glob("imagenet_*.jpg"))]
    assert len(found) == 20
    return found


def export(*arguments: str, seconds: float) -> str:
    """Run `python -m services.export ARGUMENT…`; what it printed."""
    command = [sys.executable, "-m", "services.export", *arguments]
    run = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stderr


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the default models' artifacts; exports the missing ones."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "export.lock"):
        export(f"--output={ARTIFACTS}", *DEFAULT_MODELS, seconds=600)
    return ARTIFACTS


@pytest.fixture(scope="session")
def own_models(tmp_path_factory: pytest.TempPathFactory, photos: list[Photo]) -> Path:
    """The catalog of the tests' own models; beside it are their artifacts, `out`, and the output of their export."""
    from tests.services.export.own_models import catalog_of_all  # imports torch, which takes seconds

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "own-models"
    catalog, output = folder / "models.yaml", folder / "output"
    with FileLock(f"{folder}.lock"):
        if not output.is_file():
            folder.mkdir(exist_ok=True)
            catalog_of_all(folder, photos[0].data)
            said = export("--all", f"--catalog={catalog}", f"--output={folder / 'out'}", seconds=110)
            output.write_text(said)
    return catalog


@pytest.fixture(scope="session")
def start_service(tmp_path_factory: pytest.TempPathFactory, artifacts: Path) -> Iterator[StartService]:
    """A function that starts `python -m services.classifier`, or another module, and waits until it is ready."""
    with contextlib.ExitStack() as started:

        def start(module: str = "services.classifier", **variables: str) -> Service:
            port = free_port()
            log = tmp_path_factory.mktemp("service") / "log"
            variables = {"MODEL_DIR": str(artifacts), "HOST": "127.0.0.1", "PORT": str(port)} | variables
            with log.open("w") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", module],
                    cwd=ROOT,
                    env=environment(**variables),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            started.callback(end_process, process)
            service = Service(f"http://127.0.0.1:{port}", process, log)
            wait_for(lambda: ready_or_dead(service), START_SECONDS, f"{module} to be ready")
            assert process.poll() is None, log.read_text()
            return service

        yield start


@pytest.fixture(scope="session")
def lite0(start_service: StartService) -> Service:
    """EfficientNet-Lite0's service."""
    return start_service(MODEL_NAME="efficientnet-lite0")
