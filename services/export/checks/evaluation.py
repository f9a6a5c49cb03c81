"""Measure a classifier on labelled images: accuracy, confusion, and how far its scores can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.export.checks.difference import Scores

Numbers = NDArray[np.int64]

BINS = 15
# The part of the predictions that must be right from `sure_from` on, and how many predictions show that.
RIGHT = 0.95
LEAST_PREDICTIONS = 20
MOST_PAIRS = 10
# Of the table in the receipt, which is part of the card.
MOST_LABELS = 100
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Evaluation:
    """The measurements on labelled images.

    calibration_error  the expected calibration error: the mean difference of score and accuracy, in BINS bins
    sure_from          the least score from which RIGHT of the predictions were right; None if there is none
    labels             of each label: its images, the part that was recognised, and the part of its predictions that was
                       right; the worst first
    confusions         label, predicted instead, number of images; the most frequent first
    """

    images: int
    top1: float
    calibration_error: float
    sure_from: float | None
    labels: list[dict[str, Any]]
    confusions: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """For the receipt."""
        return vars(self) | {"labels": self.labels[:MOST_LABELS]}


def evaluated(scores: Scores, truth: Numbers, labels: tuple[str, ...]) -> Evaluation:
    """Of scores [images, labels], where `truth` is the number of each image's label."""
    predicted, best = scores.argmax(axis=1), scores.max(axis=1)
    right = predicted == truth
    return Evaluation(
        images=len(truth),
        top1=round(float(right.mean()), 4),
        calibration_error=round(calibration_error(best, right), 4),
        sure_from=sure_from(best, right),
        labels=label_table(predicted, truth, labels),
        confusions=confusions(predicted, truth, labels),
    )


def calibration_error(best: Scores, right: NDArray[np.bool_]) -> float:
    """The difference of mean score and accuracy in each bin of equal width, weighted by its predictions."""
    bins = np.minimum((best.clip(0, 1) * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=best - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(best))


def sure_from(best: Scores, right: NDArray[np.bool_]) -> float | None:
    """The least score such that RIGHT of the predictions with it or a higher one were right; None without enough."""
    order = np.argsort(-best, kind="stable")
    sorted_scores, so_far = best[order], right[order].cumsum() / np.arange(1, len(best) + 1)
    # Of equal scores, all or none count.
    last_of_equal = np.append(sorted_scores[1:] < sorted_scores[:-1], True)
    enough = np.arange(1, len(best) + 1) >= LEAST_PREDICTIONS
    found = np.flatnonzero((so_far >= RIGHT) & enough & last_of_equal)
    # Rounded up, so that the prediction below it does not reach it.
    return float(np.floor(sorted_scores[found[-1]] * 10_000) / 10_000) if len(found) else None


def label_table(predicted: Numbers, truth: Numbers, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Of each label that has images; the least recognised first."""
    count = len(labels)
    images, guesses = np.bincount(truth, minlength=count), np.bincount(predicted, minlength=count)
    hits = np.bincount(truth[predicted == truth], minlength=count)
    table = [
        {
            "label": labels[number],
            "images": int(images[number]),
            "recall": round(float(hits[number] / images[number]), 4),
            "precision": round(float(hits[number] / guesses[number]), 4) if guesses[number] else None,
        }
        for number in np.flatnonzero(images)
    ]
    return sorted(table, key=lambda row: (row["recall"], row["label"]))


def confusions(predicted: Numbers, truth: Numbers, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """The most frequent pairs of a label and what was predicted instead."""
    wrong = predicted != truth
    if not wrong.any():
        return []
    pairs, times = np.unique(np.stack([truth[wrong], predicted[wrong]]), axis=1, return_counts=True)
    most = np.argsort(-times, kind="stable")[:MOST_PAIRS]
    return [
        {"label": labels[pairs[0, pair]], "predicted": labels[pairs[1, pair]], "images": int(times[pair])}
        for pair in most
    ]


def fitted_temperature(logits: Scores, truth: Numbers) -> float:
    """The number to divide logits by that makes the right labels most likely under softmax, in TEMPERATURES."""
    low, high = np.log(TEMPERATURES)
    # The loss has one minimum, so narrow the interval by the golden section.
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if _loss(logits / np.exp(left), truth) < _loss(logits / np.exp(right), truth):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 4)


def cross_fitted(logits: Scores, truth: Numbers) -> Scores:
    """The logits, each divided by the temperature that fits the other half of the images.

    So no image is measured with a temperature that was fitted on it. Every second image is in the same half, because
    images of one label follow each other.
    """
    half = np.arange(len(truth)) % 2
    temperatures = np.array([fitted_temperature(logits[half != part], truth[half != part]) for part in (0, 1)])
    divided: Scores = logits / temperatures[half][:, np.newaxis]
    return divided


def _loss(logits: Scores, truth: Numbers) -> float:
    """The mean negative log-likelihood."""
    highest = logits.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(logits - highest).sum(axis=1)) + highest[:, 0]
    return float((normaliser - logits[np.arange(len(truth)), truth]).mean())
