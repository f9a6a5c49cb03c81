"""What several models' answers come to: agreement, a table of pictures by models, its summary, its exports. Pure."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from frontend.api.client import GatewayError
from frontend.api.jobs import Job, Key
from frontend.images.image import Picture


@dataclass(frozen=True)
class Agreement:
    """Whether the models that answered name the same thing first.

    `label` is what most of them say, `votes` how many; `others` what each of the rest says instead, or everybody where
    there is no majority.
    """

    kind: Literal["none", "one", "all", "most", "no"]
    answered: int = 0
    label: str = ""
    votes: int = 0
    others: tuple[tuple[str, str], ...] = ()


def agreement(answers: Mapping[str, str]) -> Agreement:
    """The agreement of {model: its best label}."""
    if not answers:
        return Agreement("none")
    # Of labels with as many votes the first model's wins; it makes no difference but to the sentence.
    label, votes = Counter(answers.values()).most_common(1)[0]
    others = tuple((model, other) for model, other in answers.items() if other != label)
    kind: Literal["one", "all", "most", "no"]
    if len(answers) == 1:
        kind = "one"
    elif votes == len(answers):
        kind = "all"
    else:
        kind = "most" if votes > len(answers) / 2 else "no"
    return Agreement(kind, len(answers), label, votes, tuple(answers.items()) if kind == "no" else others)


@dataclass(frozen=True)
class Cell:
    """One model's verdict on one picture; `sure` is whether its score reaches the visitor's threshold."""

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
    picture: Picture
    cells: dict[str, Cell]

    @property
    def agreement(self) -> Agreement:
        return agreement({model: cell.label for model, cell in self.cells.items() if cell.state == "done"})


def table(pictures: Iterable[Picture], models: Sequence[str], jobs: Mapping[Key, Job], threshold: float) -> list[Row]:
    """One row per picture, one cell per model."""
    return [
        Row(picture, {model: _cell(jobs.get((model, picture.id)), threshold) for model in models})
        for picture in pictures
    ]


def _cell(job: Job | None, threshold: float) -> Cell:
    if job is None or job.pending:
        return Cell("pending")
    if job.answer is not None and job.answer.predictions:
        best, answer = job.answer.predictions[0], job.answer
        return Cell(
            "done",
            best.label,
            best.score,
            answer.timings.total,
            best.score >= threshold,
            request_id=answer.request_id,
        )
    if job.error is not None:
        return Cell("failed", error=job.error, request_id=job.error.request_id)
    return Cell("cancelled" if job.state == "cancelled" else "failed")


@dataclass(frozen=True)
class Summary:
    """A table in a few numbers; `rate` is answers per second, `median` milliseconds by model."""

    pictures: int
    answers: int
    failures: int
    cancelled: int
    pending: int
    compared: int
    agreed: int
    unsure: int
    rate: float
    median: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.answers + self.failures + self.cancelled + self.pending


def summary(rows: Sequence[Row], jobs: Iterable[Job]) -> Summary:
    """The table in a few numbers."""
    cells = [cell for row in rows for cell in row.cells.values()]
    states = Counter(cell.state for cell in cells)
    verdicts = [row.agreement for row in rows]
    models = list(rows[0].cells) if rows else []
    times = {
        model: [row.cells[model].milliseconds for row in rows if row.cells[model].state == "done"] for model in models
    }
    asked = [job for job in jobs if job.state == "done"]
    seconds = max((job.ended_at for job in asked), default=0) - min((job.asked_at for job in asked), default=0)
    return Summary(
        pictures=len(rows),
        answers=states["done"],
        failures=states["failed"],
        cancelled=states["cancelled"],
        pending=states["pending"],
        compared=sum(verdict.answered > 1 for verdict in verdicts),
        agreed=sum(verdict.kind == "all" for verdict in verdicts),
        unsure=sum(cell.state == "done" and not cell.sure for cell in cells),
        rate=len(asked) / seconds if seconds > 0 else 0.0,
        median={model: statistics.median(values) for model, values in times.items() if values},
    )


def as_csv(rows: Sequence[Row]) -> str:
    """The table for a spreadsheet: one line per picture and model."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["picture", "model", "label", "score", "milliseconds", "error", "request_id"])
    for row in rows:
        for model, cell in row.cells.items():
            done = cell.state == "done"
            writer.writerow(
                [
                    _inert(row.picture.url or row.picture.name),
                    model,
                    _inert(cell.label),
                    f"{cell.score:.6f}" if done else "",
                    f"{cell.milliseconds:.1f}" if done else "",
                    _inert(cell.code or ("" if done else cell.state)),
                    _inert(cell.request_id),
                ]
            )
    return out.getvalue()


def as_json(rows: Sequence[Row], jobs: Mapping[Key, Job]) -> str:
    """The table with every label that came, as {"pictures": [{"picture", "agreement", "models": {…}}]}."""
    pictures = []
    for row in rows:
        models = {}
        for model, cell in row.cells.items():
            job = jobs.get((model, row.picture.id))
            if job is not None and job.answer is not None:
                models[model] = {
                    "predictions": [{"label": one.label, "score": one.score} for one in job.answer.predictions],
                    "milliseconds": round(job.answer.timings.total, 1),
                    "server_timing": job.answer.timings.parts,
                    "version": job.answer.version,
                    "request_id": job.answer.request_id,
                }
            else:
                models[model] = {"error": cell.code or cell.state, "request_id": cell.request_id}
        pictures.append(
            {
                "picture": row.picture.url or row.picture.name,
                "id": row.picture.id,
                "agreement": row.agreement.kind,
                "models": models,
            }
        )
    return json.dumps({"pictures": pictures}, indent=2, ensure_ascii=False)


def _inert(text: str) -> str:
    """Text that a spreadsheet takes as text, whoever chose it: never as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
