"""The results: a journal of what is done, from which a run resumes, and the file that is written at the end."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from frontend.results.export import not_a_formula

FORMATS = (".csv", ".json")


@dataclass(frozen=True)
class Result:
    """What one model predicted for one image, best first, or `error`, a code, with its sentence in `detail`."""

    image: str
    folder: str
    model: str
    labels: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    milliseconds: float = 0.0
    version: str = ""
    request_id: str = ""
    error: str = ""
    detail: str = ""
    # Whether the error may pass, so that the next run tries again.
    temporary: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.image, self.model


class Journal:
    """The results so far, one line of JSON each, in a file beside the output.

    A line is written in one piece. One that is cut off, by a full disk or a power failure, is ignored.
    """

    def __init__(self, path: Path, top: int) -> None:
        self._path, self._top = path, top
        self._lock = threading.Lock()
        self._done: dict[tuple[str, str], tuple[str, Result]] = {}
        for line in path.read_bytes().splitlines() if path.exists() else []:
            self._load(line)
        self._file = path.open("ab", buffering=0)
        if self._file.tell():
            # So that a line that was cut off stays a line of its own.
            self._file.write(b"\n")

    def _load(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            fields = entry["result"]
            result = Result(**{**fields, "labels": tuple(fields["labels"]), "scores": tuple(fields["scores"])})
            if entry["top"] == self._top:
                self._done[result.key] = (entry["stamp"], result)
        except (ValueError, KeyError, TypeError):
            return

    def done(self, image: str, model: str, stamp: str) -> Result | None:
        """The result from an earlier run, unless the file has changed since or the error may have passed."""
        found = self._done.get((image, model))
        return found[1] if found and found[0] == stamp and not found[1].temporary else None

    def add(self, result: Result, stamp: str) -> None:
        line = json.dumps({"top": self._top, "stamp": stamp, "result": asdict(result)})
        with self._lock:
            self._file.write(line.encode() + b"\n")

    def close(self, *, delete: bool = False) -> None:
        self._file.close()
        if delete:
            self._path.unlink()


def write_results(path: Path, results: Iterable[Result], top: int) -> None:
    """Replace the file at once, so that it is never half-written."""
    content = as_json(results) if path.suffix.lower() == ".json" else as_csv(results, top)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(content, encoding="utf-8", newline="")
    temporary.replace(path)


def as_csv(results: Iterable[Result], top: int) -> str:
    """One line per image and model, with the `top` best labels."""
    ranks = [("label", "score"), *((f"label_{rank}", f"score_{rank}") for rank in range(2, top + 1))]
    columns = ["image", "folder", "model", *sum(ranks, ()), "milliseconds", "version", "error", "detail", "request_id"]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for result in results:
        line = {
            name: not_a_formula(getattr(result, name)) for name in ("image", "folder", "error", "detail", "request_id")
        }
        line |= {"model": result.model, "version": result.version}
        if not result.error:
            line["milliseconds"] = f"{result.milliseconds:.1f}"
        for (label, score), found, value in zip(ranks, result.labels, result.scores, strict=False):
            line |= {label: not_a_formula(found), score: f"{value:.6f}"}
        writer.writerow(line)
    return out.getvalue()


def as_json(results: Iterable[Result]) -> str:
    """A list with one object per image and model."""
    return json.dumps([_object(result) for result in results], indent=1, ensure_ascii=False) + "\n"


def _object(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {"image": result.image, "folder": result.folder, "model": result.model}
    if result.error:
        found |= {"error": result.error, "detail": result.detail}
    else:
        found["predictions"] = _predictions(result.labels, result.scores)
        found |= {"milliseconds": round(result.milliseconds, 1), "version": result.version}
    return found | {"request_id": result.request_id}


def _predictions(labels: Sequence[str], scores: Sequence[float]) -> list[dict[str, Any]]:
    return [{"label": label, "score": score} for label, score in zip(labels, scores, strict=True)]
