"""Accuracy where the images' folders are the names of labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from frontend.classify.results import Result
from frontend.results.folders import normal_label


@dataclass(frozen=True)
class Accuracy:
    """Of `images` in folders, how many the best label is right for, and how many any of the returned ones."""

    images: int = 0
    best: int = 0
    any: int = 0


def accuracies(results: Iterable[Result]) -> dict[str, Accuracy]:
    """{model: its accuracy}; empty unless a folder has the name of a label that a model returned."""
    found: dict[str, Accuracy] = {}
    for result in results:
        if result.folder and not result.error:
            right = [normal_label(label) == normal_label(result.folder) for label in result.labels]
            sum_so_far = found.get(result.model, Accuracy())
            found[result.model] = Accuracy(
                sum_so_far.images + 1, sum_so_far.best + right[0], sum_so_far.any + any(right)
            )
    return found if any(accuracy.any for accuracy in found.values()) else {}
