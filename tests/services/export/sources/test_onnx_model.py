"""ONNX files, compared with onnxruntime."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from services.catalog import load_catalog
from services.classifier.engine import Engine
from services.export.convert import openvino_model, save, torch_logits
from services.export.errors import NetworkError
from services.export.requirements import library
from services.export.sources.network import Network, built_network

pytestmark = pytest.mark.integration  # converts networks, which takes seconds

ENTRY = """
models:
  own:
    weights: {file: model.onnx}
    preprocess: {resize: 24, crop: 24, interpolation: bilinear, mean: [0.5, 0.4, 0.3], std: [0.5, 0.6, 0.7]}
    labels: [ant, bee, cat, dog]
"""


def network_of(folder: Path) -> Network:
    path = folder / "models.yaml"
    path.write_text(ENTRY)
    catalog = load_catalog(path)
    assert library(catalog, catalog["own"], folder / "model.onnx") == "onnxruntime"
    return built_network(catalog, catalog["own"], folder / "model.onnx")


def require_same_outputs(folder: Path, network: Network) -> None:
    """OpenVINO computes from pixels what onnxruntime computes from the normalised image."""
    save(openvino_model(network, "own"), folder)
    pixels = np.random.default_rng(1).integers(0, 256, (24, 24, 3), np.uint8)
    engine = Engine(folder / "model.xml", streams=1, properties={"INFERENCE_PRECISION_HINT": "f32"})
    expected = torch_logits(network, pixels)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(engine.logits(pixels), expected, atol=5e-3)


def write_onnx(
    path: Path, *, shape: list[int | str], outputs: tuple[str, ...] = ("scores",), opset: int = 18, double: bool = False
) -> None:
    """The mean of each channel, times a matrix; `shape` is that of the input."""
    element = TensorProto.DOUBLE if double else TensorProto.FLOAT
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    weights = np.random.default_rng(0).normal(0, 3, (3, 4)).astype(np.float32)
    nodes = [helper.make_node("ReduceMean", ["image", "axes"], ["means"], keepdims=0)]
    nodes += [helper.make_node("MatMul", ["means", "weights"], [name]) for name in outputs]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", element, shape)],
        [helper.make_tensor_value_info(name, element, [shape[0], 4]) for name in outputs],
        [
            helper.make_tensor("axes", TensorProto.INT64, [2], axes),
            helper.make_tensor("weights", element, [3, 4], weights.flatten()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.save(model, path)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param([1, 3, 24, 24], id="fixed"),
        pytest.param(["batch", 3, "height", "width"], id="dynamic"),
        pytest.param(["batch", 24, 24, 3], id="channels-last"),
    ],
)
def test_a_network_is_converted_from_its_file(tmp_path: Path, shape: list[int | str]) -> None:
    write_onnx(tmp_path / "model.onnx", shape=shape)
    require_same_outputs(tmp_path, network_of(tmp_path))


def test_what_torch_exports_is_converted_with_its_tensors_in_another_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    module.append(torch.nn.Linear(8, 4)).eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.zeros(1, 3, 24, 24),), tmp_path / "model.onnx", external_data=True, verbose=False
        )
    assert (tmp_path / "model.onnx.data").is_file()
    require_same_outputs(tmp_path, network_of(tmp_path))
    catalog = load_catalog(tmp_path / "models.yaml")
    assert [path.name for _, path in catalog.files(catalog["own"])] == ["model.onnx", "model.onnx.data"]
    (tmp_path / "model.onnx.data").unlink()
    with pytest.raises(NetworkError, match=r"put the file model\.onnx\.data beside it"):
        network_of(tmp_path)


def test_of_several_outputs_the_logits_are_taken(tmp_path: Path) -> None:
    write_onnx(tmp_path / "model.onnx", shape=[1, 3, 24, 24], outputs=("features", "logits"))
    require_same_outputs(tmp_path, network_of(tmp_path))
    write_onnx(tmp_path / "model.onnx", shape=[1, 3, 24, 24], outputs=("left", "right"))
    with pytest.raises(NetworkError, match=r"several outputs: left \[1, 4\], right \[1, 4\]"):
        network_of(tmp_path)


@pytest.mark.parametrize(
    ("shape", "opset", "double", "message"),
    [
        pytest.param([8, 3, 24, 24], 18, False, "takes 8 images at a time; export it with a dynamic batch", id="batch"),
        pytest.param(
            [1, 3, 24, 24],
            18,
            True,
            r"the network's inputs are image tensor\(double\).* for one image as float32",
            id="type",
        ),
        pytest.param([1, 3, 24, 24], 99, False, "export it for an older opset", id="opset"),
        pytest.param([1, 3, 32, 32], 18, False, r"gives \[3, 24, 24\]; write `crop: 32` there", id="size"),
        pytest.param(["n", 20, 24, 3], 18, False, r"write `crop: \[20, 24\]` there", id="height"),
        pytest.param([1, 1, "h", "w"], 18, False, "write `channels: gray` there", id="gray"),
    ],
)
def test_a_network_that_cannot_be_served_is_refused_with_a_remedy(
    tmp_path: Path, shape: list[int | str], opset: int, double: bool, message: str
) -> None:
    write_onnx(tmp_path / "model.onnx", shape=shape, opset=opset, double=double)
    with pytest.raises(NetworkError, match=f"^own: .*{message}") as caught:
        network_of(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
