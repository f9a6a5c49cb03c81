"""Measure what half precision makes of a network's scores."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from services.export.checks.difference import EXACT, Bound, difference
from services.export.checks.sample_images import generated_images
from services.export.checks.verification import agreement_of, require_agreement, scores_of_both
from services.export.convert import openvino_model, save
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
    images = generated_images(network.preprocess)
    with tempfile.TemporaryDirectory() as folder:
        save(openvino_model(network, name), Path(folder))
        expected, actual = scores_of_both(network, Path(folder) / "model.xml", images)
    found = difference(expected.astype(float), actual.astype(float))
    try:
        require_agreement(name, "fp16", agreement_of(network, images, expected, actual))
    except Disagreement:
        return HalfPrecision(found.mean, suffices=False)
    return HalfPrecision(found.mean, suffices=found.within(ENOUGH))
