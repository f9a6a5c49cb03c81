"""Recognise the format of a weights file by its first bytes or its members. Imports no torch."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from services.catalog import Model
from services.catalog.model_folder import CORE_ML
from services.export.errors import NetworkError


class WeightsFormat(Enum):
    """The formats that the export reads."""

    TORCH = "a file of torch.save"
    SAFETENSORS = "a safetensors file"
    TORCHSCRIPT = "a TorchScript file"
    TORCH_EXPORT = "a torch.export file"
    ONNX = "an ONNX file"


@dataclass(frozen=True)
class Foreign:
    """Another format: what it is, and what to do. Completes the sentence `the weights are …`."""

    meaning: str


SAVE_STATE_DICT = "save them again with torch.save(model.state_dict(), FILE)"
KERAS = (
    "a Keras model: export it where it was trained: model = keras.models.load_model(FILE);"
    ' model.export("model.onnx", format="onnx")'
)
# Begins files that torch before 1.6 has saved.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
# An ONNX file begins with its version, of one byte, and then has one of these fields.
ONNX_VERSIONS, ONNX_FIELDS = range(3, 32), b"\x12\x1a\x22\x28\x32\x3a\x42"
# What the file begins with, what it is, and what to do.
FOREIGN = [
    (b"GGUF", "a GGUF file, which holds language models: use an image classifier, as safetensors"),
    (b"<?xml", "an XML file, perhaps an OpenVINO model: name the weights that it was converted from"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it, and name the weights file inside it"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: run `git lfs pull` beside it"),
    (b"\x89HDF\r\n\x1a\n", f"an HDF5 file, probably {KERAS}"),
    (b"\x1f\x8b", f"a gzip archive: unpack it, or {SAVE_STATE_DICT}"),
]
# By the end of the name, because the first bytes do not tell them from others.
FOREIGN_SUFFIXES = {
    ".mlmodel": CORE_ML,
    ".pb": "a TensorFlow graph: export the SavedModel that it belongs to with tf2onnx",
    ".msgpack": "a Flax model: convert it to torch where it was trained, and save it as safetensors",
}
# A member's name, or its end, that only archives of this kind have.
FOREIGN_ARCHIVES = [
    ("MAR-INF/MANIFEST.json", "a TorchServe archive (.mar): it is a zip file; name the weights file inside it"),
    ("model.weights.h5", KERAS),
    (".npy", f"a NumPy archive (.npz): load it into the model, and {SAVE_STATE_DICT}"),
]


def weights_format(model: Model, path: Path) -> WeightsFormat:
    """The format of the model's weights; raises NetworkError if the export does not read it."""
    found = _recognised(path)
    if isinstance(found, Foreign):
        raise NetworkError(f"{model.name}: the weights are {found.meaning}")
    return found


def _recognised(path: Path) -> WeightsFormat | Foreign:
    with path.open("rb") as file:
        head = file.read(512)
    for start, meaning in FOREIGN:
        if head.startswith(start):
            return Foreign(meaning)
    if path.suffix.lower() in FOREIGN_SUFFIXES:
        return Foreign(FOREIGN_SUFFIXES[path.suffix.lower()])
    if head.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        return Foreign("an HTML page: the download needs another address, or a sign-in")
    if head[8:9] == b"{":
        return _safetensors(path, int.from_bytes(head[:8], "little"))
    if head[4:8] == b"TFL3":
        return Foreign("a TensorFlow Lite model: export the model it was made from to ONNX instead")
    if head[:1] == b"\x08" and len(head) > 2 and head[1] in ONNX_VERSIONS and head[2] in ONNX_FIELDS:
        return WeightsFormat.ONNX
    if head.startswith(b"PK"):
        return _archive(path)
    if head.startswith(b"\x80"):
        return (
            WeightsFormat.TORCH
            if MAGIC_NUMBER in head
            else Foreign(f"a pickle that torch did not write: {SAVE_STATE_DICT}")
        )
    if not head:
        return Foreign("an empty file: copy or download it again")
    return Foreign(f"in a format that the export does not read: {SAVE_STATE_DICT}")


def _safetensors(path: Path, header: int) -> WeightsFormat | Foreign:
    if path.stat().st_size < 8 + header:
        return Foreign("a truncated safetensors file: copy or download it again")
    return WeightsFormat.SAFETENSORS


def _archive(path: Path) -> WeightsFormat | Foreign:
    """torch keeps all members in one folder, whose name varies."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return Foreign("a truncated file: copy or download it again")
    for end, meaning in FOREIGN_ARCHIVES:
        if any(name.endswith(end) for name in names):
            return Foreign(meaning)
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside:
        return WeightsFormat.TORCHSCRIPT
    if "archive_format" in inside:
        return WeightsFormat.TORCH_EXPORT
    if "data.pkl" in inside:
        return WeightsFormat.TORCH
    return Foreign(f"a zip archive that torch did not write: {SAVE_STATE_DICT}")
