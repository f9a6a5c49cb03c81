"""The arrows between the rooms, and what each may load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.running import ROOT, Service

ROOMS = ("services", "gateway", "frontend", "deploy")
MAY_IMPORT = {
    "services": {"services"},
    "gateway": {"gateway", "services.catalog"},
    "frontend": {"frontend"},
    "deploy": {"deploy", "gateway", "services.catalog"},
}
# Within `services`: the shared pieces know nothing of who uses them, and the two services nothing of each other.
WITHIN_SERVICES = {
    "services.artifact": set[str](),
    "services.catalog": {"services.artifact"},
    "services.environment": set[str](),
    "services.logs": set[str](),
    "services.http": {"services.http", "services.environment", "services.logs"},
    "services.classifier": {
        "services.artifact",
        "services.classifier",
        "services.http",
        "services.environment",
        "services.logs",
    },
    "services.directory": {"services.directory", "services.http", "services.environment", "services.logs"},
    "services.export": {
        "services.artifact",
        "services.catalog",
        "services.classifier",
        "services.export",
        "services.http",
        "services.environment",
    },
}


def sources(place: str) -> list[Path]:
    path = ROOT / place.replace(".", "/")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, places: set[str]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("room", ROOMS)
def test_import_arrows_between_the_rooms_run_one_way(room: str) -> None:
    for path in sources(room):
        for name in imports(path):
            if name.partition(".")[0] in ROOMS:
                assert within(name, MAY_IMPORT[room]), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("place", WITHIN_SERVICES)
def test_import_arrows_within_the_services_run_one_way(place: str) -> None:
    for path in sources(place):
        for name in imports(path):
            if name.startswith("services."):
                assert within(name, WITHIN_SERVICES[place]), f"{path.relative_to(ROOT)} imports {name}"


def test_only_the_export_names_torch() -> None:
    allowed = set(sources("services.export"))
    for room in ROOMS:
        for path in set(sources(room)) - allowed:
            assert not within_torch(path), f"{path.relative_to(ROOT)} imports torch"


def within_torch(path: Path) -> bool:
    return any(within(name, {"torch", "torchvision", "nncf"}) for name in imports(path))


@pytest.mark.parametrize(
    ("modules", "banned"),
    [
        pytest.param(
            "services.classifier.__main__, services.classifier.app, services.classifier.fetch.fetch,"
            "services.classifier.workers.pool",
            ("torch", "torchvision", "nncf", "openvino", "numpy", "PIL", "pydantic", "ruamel", "streamlit"),
            id="classifier-http",
        ),
        pytest.param(
            "services.classifier.pipeline, services.classifier.workers.sandbox",
            (
                "torch",
                "torchvision",
                "nncf",
                "flask",
                "werkzeug",
                "uvicorn",
                "asyncio",
                "requests",
                "pydantic",
                "ruamel",
            ),
            id="classifier-processes",
        ),
        pytest.param(
            "services.directory.__main__",
            ("torch", "openvino", "numpy", "PIL", "pydantic", "ruamel", "streamlit", "google"),
            id="directory",
        ),
        pytest.param("services.catalog", ("torch", "flask", "openvino", "numpy"), id="catalog"),
        pytest.param(
            "gateway.spec, gateway.tether", ("torch", "flask", "openvino", "streamlit", "google"), id="gateway"
        ),
        pytest.param("frontend.api.client, frontend.settings", ("torch", "flask", "openvino", "google"), id="frontend"),
        pytest.param("deploy.__main__", ("torch", "flask", "openvino", "streamlit", "google"), id="deploy"),
    ],
)
def test_heavy_imports_keep_to_their_room(modules: str, banned: tuple[str, ...]) -> None:
    script = f"import sys; import {modules}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not set(banned) & set(run.stdout.split())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_running_service_has_loaded_no_torch(lite0: Service) -> None:
    loaded = {
        Path(line.split(maxsplit=5)[5]).name
        for worker in descendants(lite0.process.pid)
        for line in Path(f"/proc/{worker}/maps").read_text().splitlines()
        if len(line.split(maxsplit=5)) == 6
    }
    assert any("openvino" in name for name in loaded)
    assert not [name for name in loaded if "torch" in name]


def descendants(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_of_the_page_bears_another_rooms_name(room: str) -> None:
    if room != "frontend":
        assert not list((ROOT / "frontend").rglob(f"{room}.py"))
