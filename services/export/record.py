"""Record the scores of your own pipeline, so that Guichet can prove that it serves the same ones.

This file needs Python 3.10 and nothing else. Copy it beside your notebook, or paste it into a cell:

    record(predict, ["images/cat.jpg", "images/dog.jpg"], "reference.jsonl", labels=["cat", "dog"])

`predict` takes the path of an image, as a string, and returns the scores that your users would see, after softmax or
sigmoid. That is a list, an array or a tensor with one score per label, in the order of `labels`. Without `labels` it is
a dictionary {label: score}, or a list of {"label": …, "score": …}, as a `pipeline` of transformers returns with
`top_k=pipeline.model.config.num_labels`; its default is five.

Twenty images that differ are enough; take some that are not square. Keep the images beside the file, or in the folder
where they are if that is below the file's. Then write `reference: reference.jsonl` into the catalog entry.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

FORMAT = 1


def record(
    predict: Callable[[str], Any],
    images: Iterable[str | os.PathLike[str]],
    file: str | os.PathLike[str],
    labels: Sequence[str] | None = None,
) -> None:
    """Write the scores of every image into `file`, one JSON object per line; the first line has the labels.

    Raises ValueError if `predict` returns something else than one number per label.
    """
    names = _numbered(labels) if labels is not None else None
    lines = []
    for image in images:
        path = Path(image)
        by_label = _by_label(predict(str(path)), names)
        names = names or list(by_label)
        if by_label.keys() != set(names):
            raise ValueError(f"{path}: predict returned other labels than for the first image; return all, always")
        scores = [round(by_label[name], 6) for name in names]
        if not all(map(math.isfinite, scores)):
            raise ValueError(f"{path}: predict returned a score that is not a finite number")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append({"image": _name(path, Path(file).parent), "sha256": digest, "scores": scores})
    if not lines:
        raise ValueError("there are no images")
    text = "".join(json.dumps(line) + "\n" for line in [{"format": FORMAT, "labels": names}, *lines])
    Path(file).write_text(text, encoding="utf-8")


def _by_label(result: Any, labels: list[str] | None) -> dict[str, float]:
    """The scores that `predict` returned, by label."""
    if hasattr(result, "tolist"):
        result = result.tolist()
    if isinstance(result, dict):
        return {str(label): float(score) for label, score in result.items()}
    if result and isinstance(result[0], dict):
        return {str(one["label"]): float(one["score"]) for one in result}
    if len(result) == 1 and isinstance(result[0], list | tuple):
        result = result[0]  # a batch of one image
    if labels is None:
        raise ValueError("predict returned scores without labels; pass `labels`, in the order of the scores")
    if len(result) != len(labels):
        raise ValueError(f"predict returned {len(result)} scores, but there are {len(labels)} labels")
    return dict(zip(labels, map(float, result), strict=True))


def _numbered(labels: Sequence[str]) -> list[str]:
    """The labels, all different: the second `crane` becomes `crane (2)`, as Guichet serves it."""
    times: Counter[str] = Counter()
    result = []
    for label in map(str, labels):
        times[label] += 1
        result.append(label if times[label] == 1 else f"{label} ({times[label]})")
    if len(set(result)) < len(result):
        raise ValueError("two labels are the same")
    return result


def _name(path: Path, folder: Path) -> str:
    """The path relative to the folder of the file, if it is below; else the name alone."""
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return path.name
