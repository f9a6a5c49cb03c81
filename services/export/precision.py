"""Measure what half precision makes of a network's scores."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from services.classifier.engine import Engine
from services.classifier.predictions import SCORES
from services.export.convert import openvino_model, save, torch_logits
from services.export.difference import Difference, difference
from services.export.network import Network
from services.export.sample_images import generated_images


def half_precision_difference(network: Network, name: str) -> Difference:
    """Between the network's scores and those in half precision, on generated images.

    That is weights in half precision and, where this CPU has it, computing in bfloat16.
    """
    with tempfile.TemporaryDirectory() as folder:
        save(openvino_model(network, name), Path(folder))
        engine = Engine(Path(folder) / "model.xml", streams=1)
    images, scores = generated_images(network.preprocess).pixels, SCORES[network.scores]
    expected = np.stack([scores(torch_logits(network, pixels)) for pixels in images])
    actual = np.stack([scores(engine.logits(pixels)) for pixels in images])
    return difference(expected.astype(float), actual.astype(float))
