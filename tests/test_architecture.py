"""Which package may import which, and which libraries each program loads."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil
import pytest

from benchmarks.harness.process import ROOT
from tests.running import Service

PRODUCT = ("services", "gateway", "frontend", "deploy")
SETTINGS_AND_LOGS = {"services.environment", "services.location", "services.logs", "services.process"}
# What the modules of a package may import from this repository. The most specific row counts. No row allows `tests`.
MAY_IMPORT: dict[str, set[str]] = {
    "services": set(),
    "services.artifact": {"services.preprocess"},
    "services.catalog": {"services.artifact", "services.catalog", "services.preprocess"},
    "services.catalog.fields": set(),
    "services.catalog.imported_files": set(),
    "services.catalog.labelled_images": set(),
    "services.catalog.reference": set(),
    "services.catalog.yaml_file": set(),
    "services.http": {"services.http", "services.problems", *SETTINGS_AND_LOGS},
    "services.logs": {"services.location"},
    "services.process": {"services.logs"},
    "services.problems": {"services.location"},
    "services.classifier": {
        "services.artifact",
        "services.classifier",
        "services.http",
        "services.preprocess",
        "services.problems",
        *SETTINGS_AND_LOGS,
    },
    "services.directory": {
        "services.directory",
        "services.http",
        "services.problems",
        "services.published_document",
        *SETTINGS_AND_LOGS,
    },
    "services.export": {
        "services.artifact",
        "services.catalog",
        "services.classifier",
        "services.export",
        "services.http",
        "services.preprocess",
        "services.problems",
        *SETTINGS_AND_LOGS,
    },
    "gateway": {"gateway", "services.catalog"},
    "frontend": {"frontend"},
    "deploy": {"deploy", "gateway", "services.catalog", "services.published_document"},
    "benchmarks": {"benchmarks", *PRODUCT},
}
REPOSITORY = {*PRODUCT, "benchmarks", "tests"}
TORCH = {"torch", "torchvision", "nncf", "timm", "transformers"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package.replace(".", "/")).rglob("*.py"))


@cache
def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def allowed(path: Path) -> set[str]:
    """The row of MAY_IMPORT for a source file."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return MAY_IMPORT[max((row for row in MAY_IMPORT if within(name, {row})), key=len)]


@pytest.mark.parametrize("package", [*PRODUCT, "benchmarks"])
def test_a_package_imports_only_the_packages_it_may(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in imports(path)
        if within(name, REPOSITORY) and not within(name, allowed(path))
    ]
    assert not wrong


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_package_in_the_table_exists(package: str) -> None:
    path = ROOT / package.replace(".", "/")
    assert path.is_dir() or path.with_suffix(".py").exists()


def test_only_the_export_imports_torch() -> None:
    export = set(sources("services.export"))
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in PRODUCT
        for path in sources(package)
        for name in imports(path)
        if path not in export and within(name, TORCH)
    ]
    assert not wrong


def test_nothing_in_the_page_has_the_name_of_another_package() -> None:
    # `streamlit run frontend/app.py` puts frontend/ first on sys.path, where it would hide that package.
    names = {path.stem for path in (ROOT / "frontend").iterdir() if path.is_dir() or path.suffix == ".py"}
    assert not names & REPOSITORY


@pytest.mark.integration
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
            "services.classifier.__main__",
            ("asyncio", "logging", "pythonjsonlogger", "shutil", "flask", "openvino", "numpy", "PIL"),
            id="classifier-before-the-fork",
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
                "pythonjsonlogger",
                "requests",
                "pydantic",
                "ruamel",
            ),
            id="classifier-worker",
        ),
        pytest.param(
            "services.directory.__main__",
            ("torch", "openvino", "numpy", "PIL", "pydantic", "ruamel", "streamlit", "google"),
            id="directory",
        ),
        pytest.param("services.catalog", ("torch", "flask", "openvino", "numpy"), id="catalog"),
        pytest.param(
            "gateway.product.openapi_document, gateway.die_with_parent",
            ("torch", "flask", "openvino", "streamlit", "google"),
            id="gateway",
        ),
        pytest.param("frontend.api.client, frontend.settings", ("torch", "flask", "openvino", "google"), id="frontend"),
        pytest.param("deploy.__main__", ("torch", "flask", "openvino", "streamlit", "google"), id="deploy"),
    ],
)
def test_a_program_does_not_load_the_libraries_of_another(modules: str, banned: tuple[str, ...]) -> None:
    script = f"import sys; import {modules}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not set(banned) & set(run.stdout.split())


@pytest.mark.integration
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_running_service_has_not_loaded_torch(lite0: Service) -> None:
    service = psutil.Process(lite0.process.pid)
    loaded = {
        Path(file.path).name
        for process in [service, *service.children(recursive=True)]
        # A worker that a test has killed stays until it is replaced.
        if process.status() != psutil.STATUS_ZOMBIE
        for file in process.memory_maps()
    }
    assert any("openvino" in name for name in loaded)
    assert not [name for name in loaded if "torch" in name]
