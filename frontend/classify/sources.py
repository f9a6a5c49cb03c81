"""Find the images to classify: in a folder, or in a list of URLs and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from frontend.images.image import IMAGE_EXTENSIONS

EXTENSIONS = IMAGE_EXTENSIONS | {".heif", ".jfif"}


class NoImages(Exception):
    """There are no images; the message says where, and what is looked for."""


@dataclass(frozen=True)
class Source:
    """An image: a file, or without a `path` a URL. `name` is what the results call it."""

    name: str
    path: Path | None = None

    @property
    def folder(self) -> str:
        """The name of the folder that the file is in, or "" for a URL and for files at the top."""
        return PurePosixPath(self.name).parent.name if self.path else ""

    def read(self) -> bytes | str:
        """What is sent: the file's bytes, or the URL. OSError if the file cannot be read."""
        return self.path.read_bytes() if self.path else self.name

    @property
    def stamp(self) -> str:
        """Changes when the file does."""
        if self.path is None:
            return ""
        try:
            found = self.path.stat()
        except OSError:
            return "missing"
        return f"{found.st_size}-{found.st_mtime_ns}"


def find_sources(place: Path) -> list[Source]:
    """The images in a folder, in a list with one URL or file per line, or the one image at `place`; or NoImages."""
    try:
        sources = _in_folder(place) if place.is_dir() else _in_file(place)
    except OSError as err:
        raise NoImages(f"{place} cannot be read: {err.strerror}") from err
    if not sources:
        raise NoImages(f"{place} contains no images: {', '.join(sorted(EXTENSIONS))}, or a list of URLs")
    return list(dict.fromkeys(sources))


def _in_folder(folder: Path) -> list[Source]:
    """Files with the extension of an image, in this folder and those below; hidden ones are left out."""
    files = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.suffix.lower() in EXTENSIONS]
    visible = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    return [Source(file.as_posix(), folder / file) for file in visible if (folder / file).is_file()]


def _in_file(file: Path) -> list[Source]:
    if file.suffix.lower() in EXTENSIONS:
        file.stat()
        return [Source(file.name, file)]
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        lines = ["\0"]
    if any("\0" in line for line in lines):
        raise NoImages(f"{file} is neither an image, by its extension, nor a list in UTF-8")
    return [_from_line(line, file.parent) for line in lines if line and not line.startswith("#")]


def _from_line(line: str, folder: Path) -> Source:
    if "://" in line:
        return Source(line)
    return Source(Path(line).as_posix(), folder / line)
