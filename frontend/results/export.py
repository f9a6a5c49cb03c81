"""The table as files to download."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from frontend.api.jobs import Job, Key
from frontend.results.comparison import Row


def as_csv(rows: Sequence[Row], jobs: Mapping[Key, Job], top: int) -> bytes:
    """One line per image and model, with the `top` best labels. UTF-8 with a byte order mark, which Excel needs."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    ranks = [name for rank in range(2, top + 1) for name in (f"label_{rank}", f"score_{rank}")]
    columns = ["picture", "model", "label", "score", "sure", "agree", *ranks, "milliseconds", "error", "request_id"]
    writer.writerow(columns)
    for row in rows:
        agree = {"all": "yes", "most": "no", "no": "no"}.get(row.agreement.kind, "")
        for model, each in row.verdicts.items():
            job = jobs.get((model, row.image.id))
            predictions = job.response.predictions[:top] if job and job.response else ()
            line = {
                "picture": not_a_formula(row.image.url or row.image.name),
                "model": model,
                "label": not_a_formula(each.label),
                "agree": agree,
                "error": not_a_formula(each.code or ("" if each.state == "done" else each.state)),
                "request_id": not_a_formula(each.request_id),
            }
            if each.state == "done":
                line |= {
                    "score": f"{each.score:.6f}",
                    "sure": "yes" if each.sure else "no",
                    "milliseconds": f"{each.milliseconds:.1f}",
                }
            for rank, one in enumerate(predictions[1:], 2):
                line |= {f"label_{rank}": not_a_formula(one.label), f"score_{rank}": f"{one.score:.6f}"}
            writer.writerow(line.get(column, "") for column in columns)
    return out.getvalue().encode("utf-8-sig")


def as_json(rows: Sequence[Row], jobs: Mapping[Key, Job]) -> str:
    """All labels, as {"pictures": [{"picture", "id", "agreement", "chosen", "responded", "unsure", "models": {…}}]}."""
    images = []
    for row in rows:
        models = {}
        for model, each in row.verdicts.items():
            job = jobs.get((model, row.image.id))
            if job is not None and job.response is not None:
                models[model] = {
                    "says": list(each.labels),
                    "sure": each.sure,
                    "predictions": [{"label": one.label, "score": one.score} for one in job.response.predictions],
                    "milliseconds": round(job.response.timings.total, 1),
                    "server_timing": job.response.timings.parts,
                    "version": job.response.version,
                    "request_id": job.response.request_id,
                }
            else:
                models[model] = {"error": each.code or each.state, "request_id": each.request_id}
        found = row.agreement
        images.append(
            {
                "picture": row.image.url or row.image.name,
                "id": row.image.id,
                "agreement": found.kind,
                "chosen": found.chosen,
                "responded": found.responded,
                "unsure": sum(not each.sure for each in row.verdicts.values()),
                "models": models,
            }
        )
    return json.dumps({"pictures": images}, indent=2, ensure_ascii=False)


def not_a_formula(text: str) -> str:
    """Quoted if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
