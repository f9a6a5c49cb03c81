from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from services.classifier.engine import Engine
from services.export.convert import openvino_model, save
from services.export.network import Network

pytestmark = pytest.mark.integration  # converts networks, which takes seconds


def test_the_same_network_gives_the_same_files(tmp_path: Path, network: Network) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        save(openvino_model(network, "own"), tmp_path / name)
    for file in ("model.xml", "model.bin"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_mean_and_std_in_the_graph_are_the_entrys(tmp_path: Path, network: Network) -> None:
    save(openvino_model(network, "own"), tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    image = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5
    with torch.inference_mode():
        expected = network.module(image)[0].numpy()
    engine = Engine(tmp_path / "model.xml", streams=1, properties={"INFERENCE_PRECISION_HINT": "f32"})
    # The weights are stored in half precision.
    np.testing.assert_allclose(engine.logits(pixels), expected, atol=0.02 * np.abs(expected).max())
