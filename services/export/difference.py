"""How much scores may differ from those that a model's own pipeline gives, and how much they do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.preprocess import Preprocess

Scores = NDArray[np.float64]

# The best label must be the same wherever it leads by more.
LEAD = 0.1


@dataclass(frozen=True)
class Bound:
    """The largest allowed difference of an image's scores: on average over the images, and of any image."""

    mean: float
    worst: float


EXACT = Bound(0.01, 0.05)
# int8 and reduced JPEGs change scores by 0.01 to 0.04 on average.
APPROXIMATE = Bound(0.05, 0.3)


def bound(preprocess: Preprocess, precision: str) -> Bound:
    """What is allowed for an artifact."""
    return APPROXIMATE if precision == "int8" or preprocess.decode == "fast" else EXACT


@dataclass(frozen=True)
class Difference:
    """Of the scores of `images`; an image's difference is the largest among its labels.

    `worst_image` is the number of the image that differs most, `other_best` how many have another best label although
    theirs leads by more than LEAD.
    """

    images: int
    mean: float
    worst: float
    worst_image: int
    other_best: int

    def within(self, allowed: Bound) -> bool:
        """Whether the scores count as the same."""
        return self.mean <= allowed.mean and self.worst <= allowed.worst and not self.other_best

    def as_dict(self, allowed: Bound) -> dict[str, Any]:
        """For the receipt."""
        return {
            "images": self.images,
            "mean_difference": round(self.mean, 4),
            "worst_difference": round(self.worst, 4),
            "allowed": asdict(allowed),
        }


def difference(expected: Scores, actual: Scores) -> Difference:
    """Between scores [images, labels]. Those that exceed one are compared in parts of the image's largest."""
    scale = np.abs(expected).max(axis=1).clip(min=1)
    by_image = np.abs(expected - actual).max(axis=1) / scale
    leads = np.zeros(len(expected))
    if expected.shape[1] > 1:
        first_two = np.sort(expected, axis=1)[:, -2:]
        leads = (first_two[:, 1] - first_two[:, 0]) / scale
    other = (expected.argmax(axis=1) != actual.argmax(axis=1)) & (leads > LEAD)
    return Difference(
        len(expected), float(by_image.mean()), float(by_image.max()), int(by_image.argmax()), int(other.sum())
    )
