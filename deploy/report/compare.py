"""Compares the staged revision of each model with the running one: predictions, latency and accuracy."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests
from rich.table import Table

from deploy.cloud.current_state import CloudService
from deploy.errors import CommandFailed, SettingsError
from deploy.settings import short_name
from services.catalog.labelled_images import SUFFIXES, LabelledImage

CONCURRENT_REQUESTS = 4
SHOWN_CHANGES = 3


@dataclass(frozen=True)
class Prediction:
    """The best label for an image, and the time of the response."""

    label: str
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """What the staged revision of a model changes, over the same images."""

    model: str
    images: Sequence[LabelledImage]
    running: Sequence[Prediction]
    staged: Sequence[Prediction]

    @property
    def changes(self) -> Counter[tuple[str, str]]:
        """The images whose best label differs, counted by the labels before and after."""
        pairs = zip(self.running, self.staged, strict=True)
        return Counter((before.label, after.label) for before, after in pairs if before.label != after.label)

    @property
    def share(self) -> float:
        """The share of images whose best label differs."""
        return self.changes.total() / len(self.images)

    def accuracy(self, predictions: Sequence[Prediction]) -> float | None:
        """The share of labelled images whose best label is theirs; None without labels."""
        pairs = zip(self.images, predictions, strict=True)
        known = [image.label == prediction.label for image, prediction in pairs if image.label]
        return sum(known) / len(known) if known else None


def read_images(folder: Path) -> list[LabelledImage]:
    """The images in a folder, with an empty label, or in folders named after their labels."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not found:
        raise SettingsError(f"{folder} has no images: set IMAGES to a folder of images, in folders named by label.")
    return [LabelledImage(path, path.parent.name if path.parent != folder else "") for path in found]


def compare_services(
    there: Sequence[CloudService], images: Sequence[LabelledImage], headers: Mapping[str, str]
) -> list[Comparison]:
    """The comparison of every service; `headers` are those with which it may be called."""
    return [
        compare(short_name(one.name), images, predictor(one.url, headers), predictor(one.staged_url, headers))
        for one in there
    ]


def compare(
    model: str,
    images: Sequence[LabelledImage],
    running: Callable[[LabelledImage], Prediction],
    staged: Callable[[LabelledImage], Prediction],
) -> Comparison:
    """The predictions of both; the first request to each, which may start an instance, is not timed."""
    running(images[0]), staged(images[0])
    with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
        before, after = list(pool.map(running, images)), list(pool.map(staged, images))
    return Comparison(model, images, before, after)


def predictor(url: str, headers: Mapping[str, str]) -> Callable[[LabelledImage], Prediction]:
    """Asks a model's service at `url`."""

    def predict(image: LabelledImage) -> Prediction:
        start = time.monotonic()
        try:
            response = requests.post(
                f"{url}/predict?top_k=1", data=image.path.read_bytes(), headers=dict(headers), timeout=90
            )
            response.raise_for_status()
            return Prediction(response.json()[0]["label"], time.monotonic() - start)
        except (requests.RequestException, LookupError, TypeError) as err:
            refused = getattr(getattr(err, "response", None), "status_code", None) in (401, 403)
            why = "this account may not call it: it needs roles/run.invoker" if refused else str(err)[:200]
            raise CommandFailed(f"{url} did not classify {image.path.name}: {why}") from err

    return predict


def comparison_table(found: Sequence[Comparison]) -> Table:
    """The comparison for the terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model", "predictions that differ", "median latency", "accuracy", "most frequent changes"):
        table.add_column(column, overflow="fold")
    for one in found:
        before, after = one.accuracy(one.running), one.accuracy(one.staged)
        most = one.changes.most_common()
        shown = [f"{count} × {old} → {new}" for (old, new), count in most[:SHOWN_CHANGES]]
        table.add_row(
            one.model,
            f"{one.share:.1%} ({one.changes.total()} of {len(one.images)})",
            f"{_median(one.running):.0f} → {_median(one.staged):.0f} ms",
            "no labels" if before is None or after is None else f"{before:.1%} → {after:.1%}",
            ", ".join(shown) + (" …" if len(most) > SHOWN_CHANGES else ""),
        )
    return table


def _median(predictions: Sequence[Prediction]) -> float:
    return statistics.median(prediction.seconds for prediction in predictions) * 1000
