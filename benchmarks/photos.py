"""The labelled photos that every candidate is asked about."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

# 281_tabby.jpg, and foolbox's imagenet_07_281.jpg: the number of the photo's ImageNet class.
LABEL_FIRST = re.compile(r"([0-9]{1,3})_.*")
LABEL_LAST = re.compile(r"imagenet_[0-9]+_([0-9]{1,3})")


class NoPhotos(Exception):
    """There are no photos to measure with; the message says where they should be."""


@dataclass(frozen=True)
class Photo:
    """A JPEG with the number of its ImageNet class."""

    path: Path
    label: int

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return self.path.read_bytes()


def default_folder() -> Path:
    """The 20 labelled ImageNet photos that foolbox's wheel carries."""
    spec = importlib.util.find_spec("foolbox")
    if spec is None or not spec.submodule_search_locations:
        raise NoPhotos("foolbox, whose wheel carries labelled photos, is not installed: `make install`, or --photos")
    return Path(spec.submodule_search_locations[0]) / "data"


def photos_in(folder: Path) -> list[Photo]:
    """The JPEGs of a folder whose names say their label; raises NoPhotos if there are none."""
    found = [
        Photo(path, int(name[1]))
        for path in sorted(folder.glob("*.jpg"))
        if (name := LABEL_FIRST.fullmatch(path.stem) or LABEL_LAST.fullmatch(path.stem))
    ]
    if not found:
        raise NoPhotos(f"{folder}: has no JPEGs with names like 281_tabby.jpg, where 281 is the number of the label")
    return found


def copied(photos: list[Photo], folder: Path) -> Path:
    """The photos under names that begin with their label, as the export reads them, alone in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for former in folder.iterdir():
        former.unlink()
    for number, photo in enumerate(photos):
        (folder / f"{photo.label}_{number:03}.jpg").write_bytes(photo.data)
    return folder
