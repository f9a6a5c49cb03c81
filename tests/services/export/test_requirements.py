"""Packages that an entry requires, from a folder of wheels."""

from __future__ import annotations

import importlib
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT
from services.catalog import load_catalog
from services.export.requirements import ONNX, TIMM, TRANSFORMERS, RequirementError, install, requirements

pytestmark = pytest.mark.integration


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of wheels, which is pip's only source."""
    folder, before = tmp_path / "wheels", list(sys.path)
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    yield folder
    sys.path[:] = before
    importlib.invalidate_caches()


def write_wheel(folder: Path, name: str, requires: str = "") -> None:
    information = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "VALUE = 1\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{information}/RECORD", "".join(f"{path},,\n" for path in files))


def test_a_package_is_installed_once_into_a_folder_of_its_own(tmp_path: Path, wheels: Path) -> None:
    write_wheel(wheels, "guichet_test_net", "Requires-Dist: guichet_test_part\nRequires-Dist: numpy\n")
    write_wheel(wheels, "guichet_test_part")
    install("own", ["guichet_test_net==1.0"], tmp_path / "packages")
    (folder,) = (path for path in (tmp_path / "packages").iterdir())
    assert importlib.import_module("guichet_test_part").VALUE == 1
    assert not list(folder.rglob("numpy"))
    assert sys.path[-1].startswith(str(folder))
    sys.path.pop()
    for wheel in wheels.iterdir():
        wheel.unlink()
    install("own", ["guichet_test_net==1.0"], tmp_path / "packages")


def test_the_libraries_are_the_versions_that_the_tests_use() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert {TIMM, TRANSFORMERS, ONNX} <= set(groups["test"])


def test_an_entry_may_name_another_version_of_its_library(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("models: {own: {weights: {folder: model}, requires: [Timm==1.0.20, einops==0.8.1]}}")
    model = load_catalog(path)["own"]
    assert requirements(model, "timm") == ["Timm==1.0.20", "einops==0.8.1"]
    assert requirements(model, "transformers") == ["Timm==1.0.20", "einops==0.8.1", TRANSFORMERS]
    assert requirements(model.model_copy(update={"requires": ()}), None) == []


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        pytest.param("guichet_absent==1.0", "pip cannot install guichet_absent==1.0: ERROR: No matching", id="absent"),
        pytest.param("guichet_conflict==1.0", "pip cannot install guichet_conflict==1.0: ERROR: ", id="conflict"),
        pytest.param("numpy==0.1", "requires numpy==0.1, but numpy .* is loaded already", id="other-version"),
    ],
)
def test_a_package_that_cannot_be_installed_is_told_and_leaves_nothing(
    tmp_path: Path, wheels: Path, requirement: str, message: str
) -> None:
    write_wheel(wheels, "guichet_conflict", "Requires-Dist: numpy==0.1\n")
    with pytest.raises(RequirementError, match=f"^own: .*{message}") as caught:
        install("own", [requirement], tmp_path / "packages")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "packages").glob("*"))
