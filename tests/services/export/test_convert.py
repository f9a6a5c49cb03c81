from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from services.classifier.engine import Engine
from services.export.convert import openvino_model, save, torch_logits
from services.export.errors import NetworkError
from services.export.sources.network import Network

pytestmark = pytest.mark.integration  # converts networks, which takes seconds


def test_the_same_network_gives_the_same_files(tmp_path: Path, network: Network) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        save(openvino_model(network, "own"), tmp_path / name)
    for file in ("model.xml", "model.bin"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_mean_and_std_in_the_graph_are_the_entrys(tmp_path: Path, tiny_network: Network) -> None:
    save(openvino_model(tiny_network, "own"), tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    image = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5
    with torch.inference_mode():
        expected = tiny_network.module(image)[0].numpy()
    engine = Engine(tmp_path / "model.xml", streams=1, properties={"INFERENCE_PRECISION_HINT": "f32"})
    # The weights are stored in half precision.
    np.testing.assert_allclose(engine.logits(pixels), expected, atol=0.02 * np.abs(expected).max())


class Applied(nn.Module):
    """A function of the mean colour, and a linear layer."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function, self.last = function, nn.Linear(3, 4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.last(self.function(image.mean((2, 3))))
        return found


LARGE_WINDOW = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AvgPool2d(1280, ceil_mode=True), nn.Flatten(), nn.Linear(8, 4))


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(Applied(nn.functional.hardshrink), id="operation-that-openvino-reads-from-torch.export-alone"),
        pytest.param(LARGE_WINDOW, id="average-over-a-window-larger-than-its-input"),
    ],
)
@pytest.mark.integration  # torch.export takes seconds
def test_what_openvino_refuses_at_first_is_converted_in_another_way(
    tmp_path: Path, network: Network, module: nn.Module
) -> None:
    layers = list(module.modules())
    network = replace(network, module=module.eval())
    save(openvino_model(network, "own"), tmp_path, "fp32")
    assert list(module.modules()) == layers
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    engine = Engine(tmp_path / "model.xml", streams=1, properties={"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(engine.logits(pixels), torch_logits(network, pixels), atol=1e-5)


@pytest.mark.integration
def test_what_cannot_be_converted_is_named_with_a_remedy(network: Network) -> None:
    network = replace(network, module=Applied(torch.digamma).eval())
    with pytest.raises(NetworkError, match=r"aten::digamma.*export it with torch\.onnx\.export") as caught:
        openvino_model(network, "own")
    assert "\n" not in str(caught.value)
