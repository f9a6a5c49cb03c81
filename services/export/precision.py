"""Measure what half precision makes of a network's scores."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.classifier.engine import Engine
from services.classifier.predictions import SCORES
from services.export.checks.difference import EXACT, Bound, difference
from services.export.checks.sample_images import generated_images
from services.export.checks.verification import measured_agreement, require_agreement
from services.export.convert import openvino_model, save, torch_logits
from services.export.errors import Disagreement
from services.export.sources.network import Network

# A third of what is allowed, because other images may differ by more.
ENOUGH = Bound(EXACT.mean / 3, EXACT.worst / 3)


@dataclass(frozen=True)
class HalfPrecision:
    """The average difference of scores, and whether half precision is exact enough."""

    difference: float
    suffices: bool


def measured_half_precision(network: Network, name: str) -> HalfPrecision:
    """On generated images: weights in half precision and, where this CPU has it, computing in bfloat16."""
    images, scores = generated_images(network.preprocess), SCORES[network.scores]
    with tempfile.TemporaryDirectory() as folder:
        model_xml = Path(folder) / "model.xml"
        save(openvino_model(network, name), Path(folder))
        agreement = measured_agreement(network, model_xml, images)
        engine = Engine(model_xml, streams=1)
    expected = np.stack([scores(torch_logits(network, pixels)) for pixels in images.pixels])
    actual = np.stack([scores(engine.logits(pixels)) for pixels in images.pixels])
    found = difference(expected.astype(float), actual.astype(float))
    try:
        require_agreement(name, "fp16", agreement)
    except Disagreement:
        return HalfPrecision(found.mean, suffices=False)
    return HalfPrecision(found.mean, suffices=found.within(ENOUGH))
