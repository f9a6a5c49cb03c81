"""Compare a converted model with the torch network it was made from, on the same pixels."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from services.classifier.engine import Engine, properties_of
from services.classifier.predictions import SCORES, Scores
from services.classifier.settings import available_cpus
from services.export.checks.sample_images import SampleImages
from services.export.convert import torch_logits
from services.export.errors import Disagreement
from services.export.sources.network import Network

# The least `Agreement.top1`, by precision.
MIN_AGREEMENT = {"fp16": 0.98, "fp32": 0.98, "int8": 0.90}
# What to do if a model agrees too seldom.
REMEDIES = {
    "fp16": "write `precision: fp32` in the entry",
    "int8": "write `precision: fp16` in the entry",
    "fp32": "OpenVINO's conversion is wrong for this network; export it to ONNX and name that file",
}
# Of top-1 accuracy, on labelled photos.
MAX_ACCURACY_LOSS = 0.005
# If torch's scores of two labels differ by less, either may be the best: rounding may swap them. Of raw outputs, which
# may be larger than one, this part of the largest.
TIE = 0.02
# The score above which a label applies, if each label has a score of its own.
APPLIES = 0.5


@dataclass(frozen=True)
class Agreement:
    """How often the best label is torch's, out of `images`, and the largest difference of a score.

    With sigmoid or a single label, also how often the same labels score above APPLIES. With labelled photos, also the
    accuracy of the converted model and of torch.
    """

    images: int
    photos: bool
    top1: float
    largest_score_difference: float
    same_labels: float | None = None
    accuracy: float | None = None
    torch_accuracy: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields that are not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def measured_agreement(network: Network, model_xml: Path, images: SampleImages, precision: str = "fp16") -> Agreement:
    """Run both networks on every image."""
    return agreement_of(network, images, *scores_of_both(network, model_xml, images, precision))


def scores_of_both(
    network: Network, model_xml: Path, images: SampleImages, precision: str = "fp16"
) -> tuple[Scores, Scores]:
    """The scores, float32 [images, labels], from torch and from the converted model."""
    engine = Engine(model_xml, streams=available_cpus(), properties=properties_of(precision))
    scores = SCORES[network.scores]
    expected = np.stack([scores(torch_logits(network, pixels)) for pixels in images.pixels])
    actual = np.stack([scores(engine.logits(pixels)) for pixels in images.pixels])
    return expected, actual


def agreement_of(network: Network, images: SampleImages, expected: Scores, actual: Scores) -> Agreement:
    """The agreement of torch's scores with the converted model's."""
    best = actual.argmax(axis=1)
    torch_score_of_best = expected[np.arange(len(best)), best]
    tie = TIE * np.abs(expected).max(axis=1).clip(min=1)
    agreement = Agreement(
        images=len(best),
        photos=images.photos,
        top1=round(float((expected.max(axis=1) - torch_score_of_best < tie).mean()), 4),
        largest_score_difference=round(float(np.abs(expected - actual).max()), 3),
    )
    # A single label is always the best.
    if network.scores == "sigmoid" or len(network.labels) == 1:
        same = (np.abs(expected - APPLIES) < TIE) | ((expected > APPLIES) == (actual > APPLIES))
        agreement = replace(agreement, same_labels=round(float(same.mean()), 4))
    if images.labels is None:
        return agreement
    labels = np.array(images.labels)
    return replace(
        agreement,
        accuracy=round(float((best == labels).mean()), 4),
        torch_accuracy=round(float((expected.argmax(axis=1) == labels).mean()), 4),
    )


def require_agreement(model: str, precision: str, agreement: Agreement) -> None:
    """Raise Disagreement if the model agrees with torch too seldom, or loses too much accuracy."""
    least = MIN_AGREEMENT[precision]
    if agreement.same_labels is not None and not agreement.same_labels >= least:
        found = (
            f"it agrees with torch on which labels score above {APPLIES} in {agreement.same_labels:.1%} of the cases;"
            f" at least {least:.0%} are required"
        )
    elif not agreement.top1 >= least:
        found = (
            f"it agrees with torch on {agreement.top1:.1%} of {agreement.images} images; at least {least:.0%} are"
            " required"
        )
    elif (agreement.torch_accuracy or 0) - (agreement.accuracy or 0) > MAX_ACCURACY_LOSS + 1e-9:
        found = (
            f"its accuracy is {agreement.accuracy:.1%} on {agreement.images} photos, torch's"
            f" {agreement.torch_accuracy:.1%}; at most {MAX_ACCURACY_LOSS:.1%} may be lost"
        )
    else:
        return
    raise Disagreement(f"{model}: as {precision} {found}; {REMEDIES[precision]}. Nothing was written.")
