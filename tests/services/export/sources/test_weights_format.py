from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from services.catalog import Model, load_catalog
from services.export.errors import NetworkError
from services.export.sources.weights_format import weights_format
from tests.services.export.own_model import catalog_file, local_file

pytestmark = pytest.mark.integration  # importing torch starts a process


@pytest.fixture
def model(tmp_path: Path, weights: Path) -> Model:
    return load_catalog(catalog_file(tmp_path, local_file(weights)))["own"]


def zipped(*members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member in members:
            archive.writestr(member, b"")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "an empty file: copy or download it again", id="empty"),
        pytest.param(b"<!DOCTYPE html><html>", "an HTML page: the download needs", id="html"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", id="git-lfs"),
        pytest.param(zipped("MAR-INF/MANIFEST.json", "model.pth"), r"a TorchServe archive \(.mar\)", id="mar"),
        pytest.param(
            zipped("metadata.json", "config.json", "model.weights.h5"),
            r'a Keras model: .*model.export\("model.onnx", format="onnx"\)',
            id="keras",
        ),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file, probably a Keras model: export it", id="h5"),
        pytest.param(zipped("kernel.npy"), r"a NumPy archive \(.npz\)", id="npz"),
        pytest.param(zipped("notes.txt"), "a zip archive that torch did not write", id="zip"),
        pytest.param(zipped("x/data.pkl")[:-30], "a truncated file", id="truncated-zip"),
        pytest.param((1000).to_bytes(8, "little") + b'{"a":', "a truncated safetensors file", id="safetensors"),
        pytest.param(b"\x1c\0\0\0TFL3" + bytes(100), "a TensorFlow Lite model", id="tflite"),
        pytest.param(pickle.dumps({"coef": [1.0]}), "a pickle that torch did not write", id="pickle"),
        pytest.param(b"\x1f\x8b" + bytes(100), "a gzip archive", id="gzip"),
        pytest.param(b"not a network", "a format that the export does not read", id="unknown"),
    ],
)
def test_a_foreign_file_is_named_with_what_to_do(tmp_path: Path, model: Model, content: bytes, message: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(NetworkError, match=f"^own: the weights are .*{message}") as caught:
        weights_format(model, path)
    assert "\n" not in str(caught.value)
