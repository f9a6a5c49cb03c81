"""Accuracy where the images' folders are labels: how many images of each folder a model names after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from frontend.results.comparison import Row


@dataclass(frozen=True)
class FolderScore:
    """Of the images in a folder to which the model responded, how many it got right."""

    right: int = 0
    total: int = 0

    def __add__(self, other: FolderScore) -> FolderScore:
        return FolderScore(self.right + other.right, self.total + other.total)


def folder_scores(rows: Sequence[Row]) -> dict[str, dict[str, FolderScore]]:
    """{folder: {model: its score}}; empty unless there are two folders and one of them is the name of a label."""
    scores: dict[str, dict[str, FolderScore]] = {}
    for row in rows:
        if not row.image.folder:
            return {}
        models = scores.setdefault(row.image.folder, dict.fromkeys(row.verdicts, FolderScore()))
        for model, each in row.verdicts.items():
            if each.state == "done":
                models[model] += FolderScore(_is_right(row, each.labels), 1)
    right = any(score.right for models in scores.values() for score in models.values())
    return scores if len(scores) > 1 and right else {}


def confusions(rows: Sequence[Row], most: int = 5) -> list[tuple[str, str, str, int]]:
    """The most frequent mistakes: (model, folder, label, count)."""
    found = Counter(
        (model, row.image.folder, each.label)
        for row in rows
        for model, each in row.verdicts.items()
        if each.labels and not _is_right(row, each.labels)
    )
    return [(*mistake, count) for mistake, count in found.most_common(most)]


def _is_right(row: Row, labels: Sequence[str]) -> bool:
    return normal_label(row.image.folder) in {normal_label(label) for label in labels}


def normal_label(name: str) -> str:
    """The name without case, and with a space for `_` and `-`."""
    return name.casefold().replace("_", " ").replace("-", " ").strip()
