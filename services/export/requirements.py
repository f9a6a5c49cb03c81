"""Install the packages that an entry requires, for the export alone. Imports no torch."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from services.catalog import Catalog, Model
from services.export.errors import ExportError
from services.export.sources.weights_format import WeightsFormat, weights_format

# The libraries that read their own files. Only the exports of such models install them.
TIMM, TRANSFORMERS, ONNX = "timm==1.0.31", "transformers==5.23.0", "onnxruntime==1.31.1"


class RequirementError(ExportError):
    """A required package could not be installed."""


def library(catalog: Catalog, model: Model, weights: Path) -> str | None:
    """The library that reads the weights or has the architecture; torch's own are always there."""
    if weights.is_file() and model.architecture is None and weights_format(model, weights) is WeightsFormat.ONNX:
        return "onnxruntime"
    return catalog.library(model)


def requirements(model: Model, library: str | None) -> list[str]:
    """What the entry requires, and the library, unless the entry names its version."""
    implied = [one for one in (TIMM, TRANSFORMERS, ONNX) if one.partition("==")[0] == library]
    named = {requirement.partition("==")[0].lower() for requirement in model.requires}
    return [*model.requires, *(one for one in implied if one.partition("==")[0] not in named)]


def install(model: str, requirements: Iterable[str], cache: Path) -> None:
    """Make the packages importable, from a folder of `cache` that is made once; raises RequirementError.

    Nothing that is installed already is changed or hidden: what the export itself uses keeps its version.
    """
    if not (missing := sorted(name for name in requirements if not _is_installed(model, name))):
        return
    folder = cache / hashlib.sha256(f"{sys.version_info[:2]} {' '.join(missing)}".encode()).hexdigest()[:16]
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".installing-", dir=cache) as draft:
            _pip_install(model, missing, Path(draft) / "packages")
            (Path(draft) / "packages").rename(folder)
    sys.path.append(_site_packages(folder))
    importlib.invalidate_caches()
    for name in missing:
        if not _is_installed(model, name):
            raise RequirementError(f"{model}: {name} is not in {folder}; remove that folder and export again")


def _is_installed(model: str, requirement: str) -> bool:
    name, _, wanted = requirement.partition("==")
    try:
        installed = version(name)
    except PackageNotFoundError:
        return False
    if installed.partition("+")[0] != wanted:
        raise RequirementError(
            f"{model}: the entry requires {requirement}, but {name} {installed} is loaded already; if another model of"
            f" this command requires that one, export them one at a time; else require {name}=={installed}"
        )
    return True


def _pip_install(model: str, requirements: list[str], folder: Path) -> None:
    """Install into `folder` what is missing; pip fails rather than replace an installed package."""
    constraints = folder.parent / "constraints.txt"
    constraints.write_text("".join(f"{one.name}=={one.version}\n" for one in distributions()), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-warn-script-location",
    ]
    command += [f"--prefix={folder}", f"--constraint={constraints}", *requirements]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode or not folder.is_dir():
        errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave no reason"]
        raise RequirementError(f"{model}: pip cannot install {', '.join(requirements)}: {errors[-1]}")


def _site_packages(folder: Path) -> str:
    return sysconfig.get_path("purelib", "posix_prefix", {"base": str(folder), "platbase": str(folder)})
