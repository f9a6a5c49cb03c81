"""The network's outputs -> scores -> the best labels, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.artifact import ScoreFunction

Scores = NDArray[np.float32]


def softmax(outputs: Scores) -> Scores:
    """Scores that add up to one."""
    powers: Scores = np.exp(outputs - outputs.max())
    scores: Scores = powers / powers.sum()
    return scores


def sigmoid(outputs: Scores) -> Scores:
    """Independent scores, each between 0 and 1."""
    # The power of a large negative output is infinite, and its score 0.
    with np.errstate(over="ignore"):
        scores: Scores = np.float32(1) / (np.float32(1) + np.exp(-outputs))
    return scores


def unchanged(outputs: Scores) -> Scores:
    """The outputs themselves."""
    return outputs


SCORES: Final[dict[ScoreFunction, Callable[[Scores], Scores]]] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "none": unchanged,
}


def best_labels(scores: Scores, top_k: int) -> list[tuple[int, float]]:
    """Index and score of the `top_k` best labels, best first; equal scores in the order of the labels."""
    least = np.partition(scores, -top_k)[-top_k]
    candidates = np.flatnonzero(scores >= least)
    best = candidates[np.argsort(-scores[candidates], kind="stable")][:top_k]
    return list(zip(best.tolist(), scores[best].tolist(), strict=True))


class JsonWriter:
    """Writes predictions as JSON, `[{"label": …, "score": …}, …]`, scores to six decimal places."""

    # The most that a score takes, with the punctuation around it.
    SCORE_BYTES: Final = 32

    def __init__(self, labels: Sequence[str]) -> None:
        self._beginnings = [f'{{"label": {json.dumps(label)}, "score": ' for label in labels]

    @property
    def most_bytes(self) -> int:
        """The size of the longest possible result."""
        return sum(len(beginning) + self.SCORE_BYTES for beginning in self._beginnings) + len("[]")

    def predictions(self, best: Iterable[tuple[int, float]]) -> bytes:
        """The JSON for labels, given by index, with their scores."""
        return f"[{', '.join([f'{self._beginnings[number]}{round(score, 6)}}}' for number, score in best])}]".encode()
