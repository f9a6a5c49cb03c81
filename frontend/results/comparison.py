"""Compares the predictions of several models: agreement, a table of images by models, and its summary."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from frontend.api.client import GatewayError
from frontend.api.jobs import Job, Key
from frontend.images.image import Image


@dataclass(frozen=True)
class Agreement:
    """Whether the models agree on the best label.

    `label` is the most frequent one and `votes` its count; `others` are the (model, label) pairs that differ, or all
    pairs if there is no majority.
    """

    kind: Literal["none", "one", "all", "most", "no"]
    models: int = 0
    label: str = ""
    votes: int = 0
    others: tuple[tuple[str, str], ...] = ()


def agreement(labels: Mapping[str, str]) -> Agreement:
    """The agreement of {model: its best label}."""
    if not labels:
        return Agreement("none")
    label, votes = Counter(labels.values()).most_common(1)[0]
    others = tuple((model, other) for model, other in labels.items() if other != label)
    kind: Literal["one", "all", "most", "no"]
    if len(labels) == 1:
        kind = "one"
    elif votes == len(labels):
        kind = "all"
    else:
        kind = "most" if votes > len(labels) / 2 else "no"
    return Agreement(kind, len(labels), label, votes, tuple(labels.items()) if kind == "no" else others)


@dataclass(frozen=True)
class Cell:
    """One model's best label for one image; `sure` is whether its score reaches the threshold."""

    state: Literal["pending", "done", "failed", "cancelled"]
    label: str = ""
    score: float = 0.0
    milliseconds: float = 0.0
    sure: bool = True
    error: GatewayError | None = None
    request_id: str = ""

    @property
    def code(self) -> str:
        return self.error.code if self.error else ""


@dataclass(frozen=True)
class Row:
    image: Image
    cells: dict[str, Cell]

    @property
    def agreement(self) -> Agreement:
        return agreement({model: cell.label for model, cell in self.cells.items() if cell.state == "done"})


def table(images: Iterable[Image], models: Sequence[str], jobs: Mapping[Key, Job], threshold: float) -> list[Row]:
    """One row per image, one cell per model."""
    return [Row(image, {model: _cell(jobs.get((model, image.id)), threshold) for model in models}) for image in images]


def _cell(job: Job | None, threshold: float) -> Cell:
    if job is None or job.pending:
        return Cell("pending")
    if job.response is not None and job.response.predictions:
        best, response = job.response.predictions[0], job.response
        return Cell(
            "done",
            best.label,
            best.score,
            response.timings.total,
            best.score >= threshold,
            request_id=response.request_id,
        )
    if job.error is not None:
        return Cell("failed", error=job.error, request_id=job.error.request_id)
    return Cell("cancelled" if job.state == "cancelled" else "failed")


@dataclass(frozen=True)
class Summary:
    """Counts of a table's cells and rows; `rate` is predictions per second, `median` milliseconds by model."""

    done: int
    failed: int
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
    cells = [cell for row in rows for cell in row.cells.values()]
    states = Counter(cell.state for cell in cells)
    agreements = [row.agreement for row in rows]
    models = list(rows[0].cells) if rows else []
    times = {
        model: [row.cells[model].milliseconds for row in rows if row.cells[model].state == "done"] for model in models
    }
    done = [job for job in jobs if job.state == "done"]
    seconds = max((job.ended_at for job in done), default=0) - min((job.started_at for job in done), default=0)
    return Summary(
        done=states["done"],
        failed=states["failed"],
        cancelled=states["cancelled"],
        pending=states["pending"],
        compared=sum(each.models > 1 for each in agreements),
        agreed=sum(each.kind == "all" for each in agreements),
        unsure=sum(cell.state == "done" and not cell.sure for cell in cells),
        rate=len(done) / seconds if seconds > 0 else 0.0,
        median={model: statistics.median(values) for model, values in times.items() if values},
    )
