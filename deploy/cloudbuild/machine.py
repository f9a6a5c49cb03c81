"""What this machine has told pip: a build that runs here may know it too, and an image may not."""

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

# Where pip looks for settings that hold for everyone, in any Linux.
PIP_SETTINGS = "/etc/pip.conf"
# Where packages come from, and how that place is reached.
CARRIED = ("cert", "extra-index-url", "find-links", "index-url", "no-index", "proxy", "timeout", "trusted-host")


@dataclass(frozen=True)
class Machine:
    """`mounts` are files and folders of this machine, each with the place at which a build sees it, read-only."""

    mounts: tuple[tuple[str, str], ...] = ()

    @classmethod
    @cache
    def found(cls) -> Machine:
        """The settings of this Python's pip as a file for the builds' pip, and the folders that they name."""
        run = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
        )
        return cls(mounts(settings(run.stdout), _folder())) if run.returncode == 0 else cls()


def settings(listing: str) -> dict[str, str]:
    """What `pip config list` prints, cut to what says where packages come from; the environment goes first."""
    found: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        if (key := name.rpartition(".")[2]) in CARRIED:
            found[key] = str(literal_eval(value))
    return found


def mounts(found: dict[str, str], folder: Path) -> tuple[tuple[str, str], ...]:
    """Settings written into `folder`, to be seen as pip's own, and all that lies on this machine's disk."""
    if not found:
        return ()
    path = folder / "pip.conf"
    lines = [f"{key} = {' '.join(value.split())}" for key, value in sorted(found.items())]
    path.write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")
    named = [_path(key, word) for key, value in found.items() for word in shlex.split(value)]
    there = dict.fromkeys(str(place) for place in named if place and place.exists())
    return ((str(path), PIP_SETTINGS), *((place, place) for place in there))


def _path(key: str, word: str) -> Path | None:
    """The place on this disk that a setting names by path or file:// address."""
    parts = urlsplit(word)
    text = unquote(parts.path) if parts.scheme == "file" else word
    if not text.startswith("/"):
        return None
    # An index refers to files that lie beside it.
    return Path(text).parent if key.endswith("index-url") else Path(text)


def _folder() -> Path:
    """A folder that lasts as long as this process."""
    keeper = tempfile.TemporaryDirectory(prefix="guichet-pip-")
    _KEEPERS.append(keeper)
    return Path(keeper.name)


_KEEPERS: list[tempfile.TemporaryDirectory[str]] = []
