"""Accuracy where the images' folders are labels."""

from __future__ import annotations

from frontend.images.image import Image
from frontend.results.comparison import Row
from frontend.results.folders import FolderScore, confusions, folder_scores
from frontend.results.verdict import Verdict


def row(name: str, **labels: str | tuple[str, ...]) -> Row:
    verdicts = {
        model: Verdict("pending" if label == "" else "done", label if isinstance(label, tuple) else (label,))
        for model, label in labels.items()
    }
    return Row(Image(name, name), verdicts)


ROWS = [
    row("Egyptian_cat/1.jpg", a="Egyptian cat", b=("sofa", "egyptian cat")),
    row("Egyptian_cat/2.jpg", a="lynx", b=()),
    row("lynx/1.jpg", a="lynx", b=""),
    row("lynx/2.jpg", a="tabby", b=("tabby",)),
    row("lynx/3.jpg", a="tabby", b=("lynx",)),
]


def test_images_named_after_their_folder_are_right() -> None:
    assert folder_scores(ROWS) == {
        "Egyptian_cat": {"a": FolderScore(1, 2), "b": FolderScore(1, 2)},
        "lynx": {"a": FolderScore(1, 3), "b": FolderScore(1, 2)},
    }


def test_folders_that_are_no_labels_have_no_accuracy() -> None:
    assert folder_scores([row("2023/1.jpg", a="lynx"), row("2024/1.jpg", a="lynx")]) == {}
    assert folder_scores([*ROWS, row("alone.jpg", a="lynx", b="lynx")]) == {}
    assert folder_scores(ROWS[:2]) == {}


def test_the_most_frequent_mistakes_come_first() -> None:
    assert confusions(ROWS, 2) == [("a", "lynx", "tabby", 2), ("a", "Egyptian_cat", "lynx", 1)]
