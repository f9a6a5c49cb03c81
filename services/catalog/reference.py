"""Read a reference: a model's own scores for some images, as `services/export/record.py` writes them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FORMAT = 1


class InvalidReference(Exception):
    """The reference cannot be used; the message completes the sentence `FILE: …`."""


@dataclass(frozen=True)
class ReferenceImage:
    """An image's file, and its scores in the order of the reference's labels."""

    path: Path
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Reference:
    """The scores of every image."""

    labels: tuple[str, ...]
    images: tuple[ReferenceImage, ...]

    def by_label(self, image: ReferenceImage) -> dict[str, float]:
        """The scores of one image."""
        return dict(zip(self.labels, image.scores, strict=True))


def read_reference(file: Path) -> Reference:
    """The reference in `file`, with the files of its images; raises InvalidReference."""
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as err:
        raise InvalidReference(f"cannot be read: {err.strerror}") from err
    except ValueError as err:
        raise InvalidReference("is not JSON, one object per line; record it again") from err
    try:
        head, *images = lines
        if head["format"] != FORMAT or not images:
            raise ValueError
        labels = tuple(str(label) for label in head["labels"])
        files = _Files(file.parent)
        return Reference(labels, tuple(_image(line, labels, files) for line in images))
    except (KeyError, TypeError, ValueError) as err:
        raise InvalidReference("is not a file that services/export/record.py writes; record it again") from err


def _image(line: dict[str, Any], labels: tuple[str, ...], files: _Files) -> ReferenceImage:
    scores = tuple(float(score) for score in line["scores"])
    if len(scores) != len(labels):
        raise ValueError
    return ReferenceImage(files.found(str(line["image"]), str(line["sha256"])), scores)


class _Files:
    """The files in the folder of a reference."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def found(self, name: str, sha256: str) -> Path:
        """The file with this name, relative to the folder or in it, or else the one with this digest."""
        named = [self._folder / name, self._folder / Path(name).name]
        existing = [path for path in named if path.is_file() and path.resolve().is_relative_to(self._folder.resolve())]
        for path in existing:
            if _sha256(path) == sha256:
                return path
        if sha256 in self._by_digest:
            return self._by_digest[sha256]
        if existing:
            raise InvalidReference(f"the image {name} has changed since its scores were recorded; record it again")
        raise InvalidReference(f"the image {name} is missing; put it beside the file")

    @cached_property
    def _by_digest(self) -> dict[str, Path]:
        return {_sha256(path): path for path in sorted(self._folder.iterdir()) if path.is_file()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
