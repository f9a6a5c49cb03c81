"""Refuse a function for the scores that does not suit the network's outputs."""

from __future__ import annotations

import numpy as np
import openvino as ov

from services.classifier.decoding.resize import Pixels
from services.export.convert import torch_logits
from services.export.errors import NetworkError
from services.export.sources.network import Network

# If the outputs for this many images all look like scores, they are.
IMAGES = 4
# Networks that compute in half precision add up to one only roughly.
TOLERANCE = 0.01


def require_logits(name: str, network: Network, converted: ov.Model, images: list[Pixels]) -> None:
    """Raise NetworkError if the outputs are scores already, or if softmax would give every image the same score.

    `converted` is the same network in OpenVINO.
    """
    if network.scores == "none":
        return
    if network.scores == "softmax" and len(network.labels) == 1:
        raise NetworkError(f"{name}: softmax gives a single label the score 1 for every image; write `scores: sigmoid`")
    if _last_operation(converted) == "Sigmoid":
        raise NetworkError(f"{name}: the network's outputs are scores already, from a sigmoid; write `scores: none`")
    outputs = np.stack([torch_logits(network, pixels) for pixels in images[:IMAGES]])
    if outputs.min() > -TOLERANCE and np.abs(outputs.sum(axis=1) - 1).max() < TOLERANCE:
        raise NetworkError(f"{name}: the network's outputs add up to one already; write `scores: none`")


def _last_operation(model: ov.Model) -> str:
    operation: str = model.output(0).get_node().input_value(0).get_node().get_type_name()
    return operation
