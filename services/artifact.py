"""The artifact of a model: a folder that holds all a service needs, written whole or not at all.

model.xml, model.bin   the network in OpenVINO's format: uint8 pixels [1, side, side, 3] in, logits [1, labels] out
labels.txt             one label per line, in the order of the logits
receipt.json           where it came from, what was measured, and the size and SHA-256 of the other files
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

FORMAT = 1
FILES = ("model.xml", "model.bin", "labels.txt")
RECEIPT = "receipt.json"


class ArtifactError(Exception):
    """The folder is not an artifact that may be loaded; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Preprocess:
    """torchvision's reference recipe: resize the shorter side, crop the centre square, scale to 0..1, normalise.

    `resize` and `crop` are in pixels; `mean` and `std` are per channel (red, green, blue) on the scale 0 to 1.
    Raises ValueError where the numbers make no sense.
    """

    # Read by pydantic when the catalog is checked; the service itself does without it.
    __pydantic_config__ = {"extra": "forbid", "strict": True}  # noqa: RUF012

    resize: int
    crop: int
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize <= 4096:
            raise ValueError(f"1 ≤ crop ≤ resize ≤ 4096 should hold, not crop {self.crop}, resize {self.resize}")
        if min(self.std) <= 0:
            raise ValueError(f"std should be positive, not {list(self.std)}")


@dataclass(frozen=True)
class StoredFile:
    """What a file of the artifact must be: its size in bytes and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Receipt:
    """Where an artifact came from, and what was measured when it was made. One recipe, one text: no time, no host."""

    model: str
    title: str
    architecture: str
    source: dict[str, str]
    recipe: str
    preprocess: Preprocess
    precision: str
    labels: int
    agreement: dict[str, Any]
    versions: dict[str, str]
    files: dict[str, StoredFile]
    format: int = FORMAT

    @property
    def version(self) -> str:
        """Twelve hex digits that change with the files' contents."""
        digests = "".join(self.files[name].sha256 for name in sorted(self.files))
        return hashlib.sha256(digests.encode()).hexdigest()[:12]


def stored_file(path: Path) -> StoredFile:
    """The size and digest of a file as it lies there."""
    with path.open("rb") as file:
        return StoredFile(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Complete the artifact in `folder`."""
    (folder / RECEIPT).write_text(json.dumps(asdict(receipt), indent=2) + "\n", encoding="utf-8")


def read_receipt(folder: Path) -> Receipt:
    """The receipt alone, its form checked; ArtifactError if it is absent or not one."""
    path = folder / RECEIPT
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ArtifactError(f"{path}: was written by another version; export the model again")
        preprocess = fields.pop("preprocess")
        receipt = Receipt(
            **fields | {"files": {name: StoredFile(**file) for name, file in fields["files"].items()}},
            preprocess=Preprocess(**preprocess | {"mean": tuple(preprocess["mean"]), "std": tuple(preprocess["std"])}),
        )
    except FileNotFoundError as err:
        raise ArtifactError(f"{path}: is missing; export it with `python -m services.export {folder.name}`") from err
    except OSError as err:
        raise ArtifactError(f"{path}: cannot be read: {err.strerror}") from err
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise ArtifactError(f"{path}: is not a receipt; export the model again") from err
    if set(receipt.files) != set(FILES):
        raise ArtifactError(f"{path}: should list {', '.join(FILES)}, not {', '.join(receipt.files) or 'nothing'}")
    return receipt


def verified_receipt(folder: Path, model: str) -> Receipt:
    """The receipt of `model`'s artifact, after the size and digest of every file were compared with it.

    Raises ArtifactError naming the file, with the expected and the actual digest.
    """
    receipt = read_receipt(folder)
    if receipt.model != model:
        raise ArtifactError(f"{folder / RECEIPT}: is of the model {receipt.model!r}, not {model!r}")
    for name, expected in receipt.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise ArtifactError(f"{path}: is missing or not a plain file; export the model again")
        actual = stored_file(path)
        if actual != expected:
            raise ArtifactError(
                f"{path}: should have {expected.bytes} bytes with SHA-256 {expected.sha256},"
                f" but has {actual.bytes} with {actual.sha256}; export the model again"
            )
    return receipt


def read_labels(folder: Path, receipt: Receipt) -> tuple[str, ...]:
    """The labels, in the order of the logits."""
    labels = tuple((folder / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1])
    if len(labels) != receipt.labels:
        raise ArtifactError(f"{folder / 'labels.txt'}: has {len(labels)} labels, the receipt says {receipt.labels}")
    return labels


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder to fill beside `folder`, which takes its place when the block ends well and vanishes otherwise."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    former = draft.with_name(draft.name + "-former")
    try:
        yield draft
        draft.chmod(0o755)
        if folder.exists():
            folder.rename(former)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)
