"""How much scores may differ from those that a model's own pipeline gives, and how much they do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.preprocess import Preprocess

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Bound:
    """The largest allowed difference of an image's scores: on average over the images, and of any image."""

    mean: float
    worst: float


# In single precision. Where the best label leads by more than 0.1, it is then the same.
EXACT = Bound(0.01, 0.05)
# In bfloat16, which CPUs that have it compute in: EfficientNet-Lite0 differs by 0.011 on average, and by 0.054 at most.
SERVED = Bound(0.03, 0.15)
# int8 and reduced JPEGs change scores themselves.
APPROXIMATE = Bound(0.05, 0.3)


def is_approximate(preprocess: Preprocess, precision: str) -> bool:
    """Whether the artifact differs from its original on purpose."""
    return precision == "int8" or preprocess.decode == "fast"


@dataclass(frozen=True)
class Difference:
    """Of the scores of some images; an image's difference is the largest among its labels.

    `worst_image` is the number of the image that differs most.
    """

    mean: float
    worst: float
    worst_image: int

    def within(self, allowed: Bound) -> bool:
        """Whether the scores count as the same."""
        return self.mean <= allowed.mean and self.worst <= allowed.worst

    def as_dict(self, allowed: Bound) -> dict[str, Any]:
        """For the receipt."""
        return {"mean": round(self.mean, 4), "worst": round(self.worst, 4), "allowed": asdict(allowed)}


def difference(expected: Scores, actual: Scores) -> Difference:
    """Between scores [images, labels]. Those that exceed one are compared in parts of the image's largest."""
    scale = np.abs(expected).max(axis=1).clip(min=1)
    by_image = np.abs(expected - actual).max(axis=1) / scale
    return Difference(float(by_image.mean()), float(by_image.max()), int(by_image.argmax()))
