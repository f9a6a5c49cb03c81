"""The table as files to download."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from frontend.api.jobs import Job, Key
from frontend.results.comparison import Row


def as_csv(rows: Sequence[Row]) -> str:
    """One line per image and model, with the best label."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["picture", "model", "label", "score", "milliseconds", "error", "request_id"])
    for row in rows:
        for model, cell in row.cells.items():
            done = cell.state == "done"
            writer.writerow(
                [
                    _not_a_formula(row.image.url or row.image.name),
                    model,
                    _not_a_formula(cell.label),
                    f"{cell.score:.6f}" if done else "",
                    f"{cell.milliseconds:.1f}" if done else "",
                    _not_a_formula(cell.code or ("" if done else cell.state)),
                    _not_a_formula(cell.request_id),
                ]
            )
    return out.getvalue()


def as_json(rows: Sequence[Row], jobs: Mapping[Key, Job]) -> str:
    """All labels, as {"pictures": [{"picture", "id", "agreement", "models": {…}}]}."""
    images = []
    for row in rows:
        models = {}
        for model, cell in row.cells.items():
            job = jobs.get((model, row.image.id))
            if job is not None and job.response is not None:
                models[model] = {
                    "predictions": [{"label": one.label, "score": one.score} for one in job.response.predictions],
                    "milliseconds": round(job.response.timings.total, 1),
                    "server_timing": job.response.timings.parts,
                    "version": job.response.version,
                    "request_id": job.response.request_id,
                }
            else:
                models[model] = {"error": cell.code or cell.state, "request_id": cell.request_id}
        images.append(
            {
                "picture": row.image.url or row.image.name,
                "id": row.image.id,
                "agreement": row.agreement.kind,
                "models": models,
            }
        )
    return json.dumps({"pictures": images}, indent=2, ensure_ascii=False)


def _not_a_formula(text: str) -> str:
    """Quoted if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
