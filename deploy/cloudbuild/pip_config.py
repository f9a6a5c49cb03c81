"""This machine's pip configuration, for builds on this machine; it does not get into the images."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from ast import literal_eval
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

# pip's global configuration on Linux.
GLOBAL_CONFIG = "/etc/pip.conf"
# The settings that say where packages come from.
SOURCE_SETTINGS = ("cert", "extra-index-url", "find-links", "index-url", "no-index", "proxy", "timeout", "trusted-host")


@dataclass(frozen=True)
class PipConfig:
    """`mounts` are files and folders of this machine, each with its path in a build."""

    mounts: tuple[tuple[str, str], ...] = ()

    @classmethod
    @cache
    def found(cls) -> PipConfig:
        """The settings of this Python's pip as a configuration file, and the folders that they name."""
        run = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
        )
        return cls(mounts(settings(run.stdout), _folder())) if run.returncode == 0 else cls()


def settings(listing: str) -> dict[str, str]:
    """The SOURCE_SETTINGS in the output of `pip config list`; the environment takes precedence."""
    found: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        if (key := name.rpartition(".")[2]) in SOURCE_SETTINGS:
            found[key] = str(literal_eval(value))
    return found


def mounts(found: dict[str, str], folder: Path) -> tuple[tuple[str, str], ...]:
    """DeployMounts for a configuration file, which is written to `folder`, and for the local paths that it names."""
    if not found:
        return ()
    path = folder / "pip.conf"
    lines = [f"{key} = {' '.join(value.split())}" for key, value in sorted(found.items())]
    path.write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")
    named = [_path(key, word) for key, value in found.items() for word in shlex.split(value)]
    there = dict.fromkeys(str(place) for place in named if place and place.exists())
    return ((str(path), GLOBAL_CONFIG), *((place, place) for place in there))


def _path(key: str, word: str) -> Path | None:
    """The local path in a setting, given as a path or a file:// URL."""
    parts = urlsplit(word)
    text = unquote(parts.path) if parts.scheme == "file" else word
    if not text.startswith("/"):
        return None
    # An index refers to files next to it.
    return Path(text).parent if key.endswith("index-url") else Path(text)


def _folder() -> Path:
    """A temporary folder that is removed when this process exits."""
    keeper = tempfile.TemporaryDirectory(prefix="guichet-pip-")
    _KEEPERS.append(keeper)
    return Path(keeper.name)


_KEEPERS: list[tempfile.TemporaryDirectory[str]] = []
