"""Python slim for the tests: the official image, or Debian's Python in its stead where no registry can be reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.cloudbuild.engines import Engine

SLIM = "docker.io/library/python:3.11-slim"
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"


def missing_slim(engine: Engine) -> str:
    """Makes sure that the engine has Python slim; the reason why not, or nothing."""
    if _there(engine) or _pulled(engine):
        return ""
    if not shutil.which("debootstrap") or os.geteuid() != 0:
        return f"{SLIM} cannot be pulled, and without debootstrap (as root) nothing can stand in for it"
    with tempfile.TemporaryDirectory() as folder:
        archive = _debian(Path(folder))
        if engine.name == "Docker":
            _run("docker", "import", str(archive), SLIM)
        else:
            container = _run("buildah", "from", "scratch")
            _run("buildah", "add", "--quiet", container, str(archive), "/")
            _run("buildah", "commit", "--quiet", "--rm", container, SLIM)
    return ""


def _debian(folder: Path) -> Path:
    """Debian bookworm with Python 3.11, where `python` is a command and pip may install, as an archive."""
    root, archive = folder / "root", folder / "root.tar"
    _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root))
    for path in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        path.unlink()
    (root / "usr/bin/python").symlink_to("python3")
    for path in [*root.glob("var/cache/apt/archives/*.deb"), *root.glob("var/lib/apt/lists/*_*")]:
        path.unlink()
    _run("tar", "--create", f"--file={archive}", f"--directory={root}", ".")
    return archive


def _there(engine: Engine) -> bool:
    program = "docker" if engine.name == "Docker" else "buildah"
    return subprocess.run([program, "inspect", "--type=image", SLIM], capture_output=True, check=False).returncode == 0


def _pulled(engine: Engine) -> bool:
    return subprocess.run(engine.command(["pull", SLIM]), capture_output=True, check=False).returncode == 0


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
