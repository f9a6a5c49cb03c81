"""The artifact of a model: the folder that an export writes and a service loads.

model.xml, model.bin   the network in OpenVINO's format: uint8 pixels [1, height, width, channels] -> logits [1, labels]
labels.txt             one label per line, in the order of the logits
receipt.json           the source, the measured agreement, and the size and SHA-256 of the other files
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from services.preprocess import Preprocess, preprocess_from

FORMAT = 1
FILES = ("model.xml", "model.bin", "labels.txt")
RECEIPT = "receipt.json"

# The function that turns the network's outputs into scores; `none` leaves them as they are.
ScoreFunction = Literal["softmax", "sigmoid", "none"]


class ArtifactError(Exception):
    """The artifact cannot be loaded; the message names the file and the mistake."""


@dataclass(frozen=True)
class StoredFile:
    """Size in bytes and SHA-256 of one file of the artifact."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Receipt:
    """Where an artifact came from and what was measured. Contains no time and no host: equal exports give equal text.

    `recipe` is the digest of everything that the artifact was made from. `scores` is the function that the service
    applies to the network's outputs, unless a request names another.
    """

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
    # What the entry tells people about the model. Older receipts have neither this field nor the next ones.
    about: dict[str, str] = field(default_factory=dict)
    scores: ScoreFunction = "softmax"
    # The measured difference from recorded scores, and the evaluation on labelled images; empty without them.
    reference: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with the contents of the files."""
        digests = "".join(self.files[name].sha256 for name in sorted(self.files))
        return hashlib.sha256(digests.encode()).hexdigest()[:12]


def stored_file(path: Path) -> StoredFile:
    """The size and digest of a file on disk."""
    with path.open("rb") as file:
        return StoredFile(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Write the receipt into `folder`."""
    (folder / RECEIPT).write_text(json.dumps(asdict(receipt), indent=2) + "\n", encoding="utf-8")


def read_receipt(folder: Path) -> Receipt:
    """The receipt; the other files are not checked. Raises ArtifactError if it is missing or malformed."""
    path = folder / RECEIPT
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ArtifactError(f"{path}: has another format version; export the model again")
        receipt = Receipt(
            **fields
            | {
                "files": {name: StoredFile(**file) for name, file in fields["files"].items()},
                "preprocess": preprocess_from(fields["preprocess"]),
            }
        )
    except FileNotFoundError as err:
        raise ArtifactError(f"{path}: is missing; export it with `python -m services.export {folder.name}`") from err
    except OSError as err:
        raise ArtifactError(f"{path}: cannot be read: {err.strerror}") from err
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise ArtifactError(f"{path}: is not a receipt; export the model again") from err
    if receipt.scores not in get_args(ScoreFunction):
        raise ArtifactError(f"{path}: scores: {receipt.scores!r} is not a function; export the model again")
    if set(receipt.files) != set(FILES):
        raise ArtifactError(f"{path}: should list {', '.join(FILES)}, not {', '.join(receipt.files) or 'nothing'}")
    return receipt


def verified_receipt(folder: Path, model: str) -> Receipt:
    """The receipt of `model`'s artifact, after checking the size and digest of every file.

    Raises ArtifactError with the file's name, the expected and the actual digest.
    """
    receipt = read_receipt(folder)
    if receipt.model != model:
        raise ArtifactError(f"{folder / RECEIPT}: belongs to the model {receipt.model!r}, not {model!r}")
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
    """The labels, in the order of the logits; raises ArtifactError if their number is wrong."""
    labels = tuple((folder / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1])
    if len(labels) != receipt.labels:
        raise ArtifactError(f"{folder / 'labels.txt'}: has {len(labels)} labels, the receipt says {receipt.labels}")
    return labels
