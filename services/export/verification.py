"""How closely an OpenVINO model agrees with the torch network it was made from, on the same pixels."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from services.classifier.engine import Engine
from services.classifier.predictions import softmax
from services.classifier.settings import available_cpus
from services.export.convert import torch_logits
from services.export.errors import Disagreement
from services.export.network import Network
from services.export.sample_images import Pictures

LEAST_AGREEMENT = {"fp16": 0.98, "int8": 0.90}
"""The bound on `Agreement.top1`, by precision."""
MOST_ACCURACY_LOST = 0.005
"""Of top-1 accuracy, on labelled photos."""
TIE = 0.02
"""Two labels whose scores in torch differ by less are both right: rounding may swap them."""


@dataclass(frozen=True)
class Agreement:
    """Measured over `images` pictures: the share whose best label is torch's, and the largest difference of a score.

    On labelled photos also the share of right best labels, of the converted model and of torch.
    """

    images: int
    photos: bool
    top1: float
    largest_score_difference: float
    accuracy: float | None = None
    torch_accuracy: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The figures there are."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def measured_agreement(network: Network, model_xml: Path, pictures: Pictures) -> Agreement:
    """Both networks on every picture, the converted one as this machine will serve it."""
    engine = Engine(model_xml, streams=available_cpus())
    expected = np.stack([softmax(torch_logits(network, pixels)) for pixels in pictures.pixels])
    actual = np.stack([softmax(engine.logits(pixels)) for pixels in pictures.pixels])
    best = actual.argmax(axis=1)
    chosen = expected[np.arange(len(best)), best]
    agreement = Agreement(
        images=len(best),
        photos=pictures.photos,
        top1=round(float((expected.max(axis=1) - chosen < TIE).mean()), 4),
        largest_score_difference=round(float(np.abs(expected - actual).max()), 3),
    )
    if pictures.answers is None:
        return agreement
    answers = np.array(pictures.answers)
    return replace(
        agreement,
        accuracy=round(float((best == answers).mean()), 4),
        torch_accuracy=round(float((expected.argmax(axis=1) == answers).mean()), 4),
    )


def require_agreement(model: str, precision: str, agreement: Agreement) -> None:
    """Raises Disagreement where the bound for that precision is missed, or accuracy lost."""
    least = LEAST_AGREEMENT[precision]
    if not agreement.top1 >= least:
        raise Disagreement(
            f"{model}: as {precision} it agrees with torch on {agreement.top1:.1%} of {agreement.images} pictures,"
            f" {least:.0%} are required; nothing was written"
        )
    if agreement.accuracy is None or agreement.torch_accuracy is None:
        return
    if agreement.torch_accuracy - agreement.accuracy > MOST_ACCURACY_LOST + 1e-9:
        raise Disagreement(
            f"{model}: as {precision} it is right on {agreement.accuracy:.1%} of {agreement.images} photos and torch on"
            f" {agreement.torch_accuracy:.1%}; {MOST_ACCURACY_LOST:.1%} may be lost; nothing was written"
        )
