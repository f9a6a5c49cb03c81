"""The gateway's wheel, installed into an empty environment without a package index."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name

from benchmarks.harness.process import ROOT, environment

# What an installer writes into a .dist-info folder.
INSTALLED = ("RECORD", "INSTALLER", "REQUESTED")
SOURCE = ROOT / "gateway"


@dataclass(frozen=True)
class Installation:
    """An environment that contains the gateway and its dependencies only."""

    folder: Path
    wheels: Path

    @property
    def command(self) -> str:
        return str(self.folder / "bin" / "api-gateway-local")

    @property
    def packages(self) -> Path:
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found


def install(folder: Path) -> Installation:
    """Build the wheel, and install it with wheels made from what is installed beside this interpreter."""
    wheels = folder / "wheels"
    build_wheel(folder, wheels)
    for name in dependencies("guichet-gateway", wheels):
        repack(distribution(name), wheels)
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "environment"))
    options = "--no-index", "--no-compile", f"--find-links={wheels}"
    pip("--python", str(folder / "environment"), "install", *options, "guichet-gateway")
    return Installation(folder / "environment", wheels)


def build_wheel(folder: Path, wheels: Path) -> Path:
    """Build the wheel from a copy of the folder, because setuptools writes into its source."""
    source = folder / "source"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", f"--wheel-dir={wheels}", str(source))
    (wheel,) = wheels.glob("guichet_gateway-*.whl")
    return wheel


def dependencies(name: str, wheels: Path) -> set[str]:
    """The names of everything the wheel needs, and what that needs in turn."""
    (wheel,) = wheels.glob("guichet_gateway-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    waiting = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    found: set[str] = set()
    while waiting:
        requirement = Requirement(waiting.pop())
        dependency = canonicalize_name(requirement.name)
        if dependency in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(dependency)
        waiting += distribution(dependency).requires or []
    return found


def repack(installed: Distribution, wheels: Path) -> None:
    """Write an installed distribution as a wheel; pip makes its scripts again from the entry points."""
    lines = (installed.read_text("WHEEL") or "").splitlines()
    tags = {line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")}
    tag = next(str(tag) for tag in sys_tags() if str(tag) in tags)
    name = canonicalize_name(installed.metadata["Name"]).replace("-", "_")
    with zipfile.ZipFile(wheels / f"{name}-{installed.version}-{tag}.whl", "w") as archive:
        record = []
        for file in installed.files or []:
            if file.parts[0] == ".." or file.suffix == ".pyc" or (file.name in INSTALLED and len(file.parts) == 2):
                continue
            archive.write(str(file.locate()), str(file))
            record.append(f"{file},,")
            # Packages inside it have files of this name, too.
            if file.name == "METADATA" and len(file.parts) == 2:
                record_path = str(file.with_name("RECORD"))
        archive.writestr(record_path, "\n".join([*record, f"{record_path},,\n"]))


def pip(*arguments: str) -> None:
    """Run pip without the machine's configuration, which may name an index."""
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)


def run(*command: str) -> None:
    variables = environment(PIP_CONFIG_FILE="/dev/null")
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
