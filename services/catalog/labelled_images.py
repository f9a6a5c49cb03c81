"""Find the images of an evaluation: a folder with one subfolder per label, or a CSV file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class InvalidImages(Exception):
    """The images cannot be used; the message completes the sentence `PATH: …`."""


@dataclass(frozen=True)
class LabelledImage:
    """An image's file, and the label that is right for it."""

    path: Path
    label: str


def labelled_images(path: Path) -> list[LabelledImage]:
    """The images in order of label and name, or in the file's order; raises InvalidImages.

    A CSV file has the columns `image`, a path relative to the file, and `label`.
    """
    found = _in_folder(path) if path.is_dir() else _in_csv(path)
    if not found:
        raise InvalidImages("contains no images; it should have one subfolder per label, or be a CSV file")
    return found


def _in_folder(folder: Path) -> list[LabelledImage]:
    return [
        LabelledImage(image, subfolder.name)
        for subfolder in sorted(folder.iterdir())
        if subfolder.is_dir()
        for image in sorted(subfolder.iterdir())
        if image.suffix.lower() in SUFFIXES
    ]


def _in_csv(file: Path) -> list[LabelledImage]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as err:
        raise InvalidImages(f"cannot be read: {err.strerror}") from err
    except (UnicodeDecodeError, csv.Error) as err:
        raise InvalidImages("is neither a folder nor a CSV file in UTF-8") from err
    found = []
    for number, row in enumerate(rows, 2):
        if not row.get("image") or not row.get("label"):
            raise InvalidImages(f"line {number}: should have the columns `image` and `label`")
        image = file.parent / row["image"]
        if not image.is_file():
            raise InvalidImages(f"line {number}: the image {row['image']} does not exist")
        found.append(LabelledImage(image, row["label"]))
    return found
