"""A table of images by models, and its summary."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from frontend.api.client import Model
from frontend.api.jobs import Job, Key
from frontend.images.image import Image
from frontend.results.agreement import Agreement, agreement
from frontend.results.verdict import Thresholds, Verdict, verdict


@dataclass(frozen=True)
class Row:
    """One image and each chosen model's verdict, by the model's name."""

    image: Image
    verdicts: dict[str, Verdict]

    @property
    def agreement(self) -> Agreement:
        return agreement(self.verdicts)


def table(
    images: Iterable[Image], models: Sequence[Model], jobs: Mapping[Key, Job], thresholds: Thresholds
) -> list[Row]:
    """One row per image."""
    return [
        Row(image, {model.name: verdict(jobs.get((model.name, image.id)), model, thresholds) for model in models})
        for image in images
    ]


@dataclass(frozen=True)
class Summary:
    """Counts of a table's verdicts and rows; `rate` is predictions per second, `median` milliseconds by model.

    `retryable` counts the failures that another attempt may mend, `compared` the images to which every chosen model, at
    least two, responded.
    """

    done: int
    failed: int
    retryable: int
    cancelled: int
    pending: int
    compared: int
    agreed: int
    unsure: int
    rate: float
    median: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.done + self.failed + self.cancelled + self.pending


def summary(rows: Sequence[Row], jobs: Iterable[Job]) -> Summary:
    """The summary of a table and of the jobs behind it."""
    verdicts = [each for row in rows for each in row.verdicts.values()]
    states = Counter(each.state for each in verdicts)
    agreements = [row.agreement for row in rows]
    models = list(rows[0].verdicts) if rows else []
    times = {
        model: [row.verdicts[model].milliseconds for row in rows if row.verdicts[model].state == "done"]
        for model in models
    }
    done = [job for job in jobs if job.state == "done"]
    seconds = max((job.ended_at for job in done), default=0) - min((job.started_at for job in done), default=0)
    return Summary(
        done=states["done"],
        failed=states["failed"],
        retryable=sum(each.error is not None and each.error.retryable for each in verdicts),
        cancelled=states["cancelled"],
        pending=states["pending"],
        compared=sum(each.responded == each.chosen > 1 for each in agreements),
        agreed=sum(each.kind == "all" for each in agreements),
        unsure=sum(not each.sure for each in verdicts),
        rate=len(done) / seconds if seconds > 0 else 0.0,
        median={model: statistics.median(values) for model, values in times.items() if values},
    )
