"""Labelled ImageNet photos."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# The class number comes first (281_tabby.jpg) or last (foolbox's imagenet_07_281.jpg).
LABELLED: Final = re.compile(r"([0-9]{1,3})_.*|imagenet_[0-9]+_([0-9]{1,3})")


class NoPhotos(Exception):
    """No labelled photos were found; the message says where they were expected."""


@dataclass(frozen=True)
class Photo:
    """A JPEG and the number of its ImageNet class."""

    path: Path
    label: int

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()


def default_folder() -> Path:
    """The folder with the 20 labelled ImageNet photos in foolbox's wheel."""
    spec = importlib.util.find_spec("foolbox")
    if spec is None or not spec.submodule_search_locations:
        raise NoPhotos("foolbox, whose wheel contains labelled photos, is not installed: run `make install`")
    return Path(spec.submodule_search_locations[0]) / "data"


def photos_in(folder: Path) -> list[Photo]:
    """The folder's JPEGs whose names contain their label; raises NoPhotos if there are none."""
    found = [
        Photo(path, int(name[1] or name[2]))
        for path in sorted(folder.glob("*.jpg"))
        if (name := LABELLED.fullmatch(path.stem))
    ]
    if not found:
        raise NoPhotos(f"{folder} contains no JPEGs named like 281_tabby.jpg, where 281 is the label's number")
    return found


def copied(photos: Sequence[Photo], folder: Path) -> list[Photo]:
    """Copies of the photos in a new `folder`, named LABEL_NUMBER.jpg as the export expects."""
    folder.mkdir(parents=True)
    for number, photo in enumerate(photos):
        (folder / f"{photo.label}_{number:03}.jpg").write_bytes(photo.data)
    return photos_in(folder)
