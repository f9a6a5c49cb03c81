"""Logits -> the best labels with their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.classifier.parameters import Function

Scores = NDArray[np.float32]


def softmax(logits: Scores) -> Scores:
    """Scores that add up to one."""
    powers: Scores = np.exp(logits - logits.max())
    scores: Scores = powers / powers.sum()
    return scores


def sigmoid(logits: Scores) -> Scores:
    """Each score by itself, between 0 and 1."""
    scores: Scores = np.float32(1) / (np.float32(1) + np.exp(-logits))
    return scores


def unchanged(logits: Scores) -> Scores:
    """The logits themselves."""
    return logits


SCORES: Final[dict[Function, Callable[[Scores], Scores]]] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "none": unchanged,
}


def best_predictions(scores: Scores, labels: Sequence[str], top_k: int) -> list[dict[str, str | float]]:
    """`[{"label", "score"}, …]`, the `top_k` best first; scores to six decimal places."""
    best = np.argpartition(scores, -top_k)[-top_k:]
    ordered = best[np.argsort(-scores[best], kind="stable")]
    return [{"label": labels[i], "score": round(float(scores[i]), 6)} for i in ordered]
