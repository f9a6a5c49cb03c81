"""The table as files to download."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from frontend.api.jobs import Job, Key
from frontend.images.image import Image
from frontend.results.comparison import Row
from frontend.results.marks import Mark

Marks = Mapping[str, Mark]


def as_csv(rows: Sequence[Row], jobs: Mapping[Key, Job], top: int, marks: Marks) -> bytes:
    """One line per image and model, with the `top` best labels. UTF-8 with a byte order mark, which Excel needs.

    `marks` are the visitor's, by image: `marked` is the label that is right, `right` whether the model says it.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    ranks = [name for rank in range(2, top + 1) for name in (f"label_{rank}", f"score_{rank}")]
    columns = ["picture", "model", "label", "score", "sure", "agree", *ranks, "milliseconds", "error", "request_id"]
    columns += ["marked", "right"]
    writer.writerow(columns)
    for row in rows:
        agree = {"all": "yes", "most": "no", "no": "no"}.get(row.agreement.kind, "")
        mark = marks.get(row.image.id)
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
                "marked": not_a_formula(mark.label) if mark else "",
            }
            if each.state == "done":
                right = mark.is_right(each.labels) if mark else None
                line |= {
                    "right": "" if right is None else "yes" if right else "no",
                    "score": f"{each.score:.6f}",
                    "sure": "yes" if each.sure else "no",
                    "milliseconds": f"{each.milliseconds:.1f}",
                }
            for rank, one in enumerate(predictions[1:], 2):
                line |= {f"label_{rank}": not_a_formula(one.label), f"score_{rank}": f"{one.score:.6f}"}
            writer.writerow(line.get(column, "") for column in columns)
    return out.getvalue().encode("utf-8-sig")


def labels_csv(images: Sequence[Image], marks: Marks) -> bytes:
    """The images whose label the visitor said, as the CSV file that the export's `evaluation` reads.

    The paths are the visitor's own, relative to the folder that contains what was given.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["image", "label"])
    for image in images:
        if (mark := marks.get(image.id)) and mark.label:
            # Not a formula, and still a path.
            path = image.name if not_a_formula(image.name) == image.name else f"./{image.name}"
            writer.writerow([path, not_a_formula(mark.label)])
    return out.getvalue().encode("utf-8-sig")


def as_json(rows: Sequence[Row], jobs: Mapping[Key, Job], marks: Marks) -> str:
    """All labels, as {"pictures": [{"picture", "id", "agreement", "chosen", "responded", "unsure", "models": {…}}]}.

    Images that the visitor marked have "marked": {"label", "asked"}, and their models "right".
    """
    images = []
    for row in rows:
        models: dict[str, dict[str, Any]] = {}
        mark = marks.get(row.image.id)
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
                if mark and (right := mark.is_right(each.labels)) is not None:
                    models[model]["right"] = right
            else:
                models[model] = {"error": each.code or each.state, "request_id": each.request_id}
        found = row.agreement
        image: dict[str, Any] = {
            "picture": row.image.url or row.image.name,
            "id": row.image.id,
            "agreement": found.kind,
            "chosen": found.chosen,
            "responded": found.responded,
            "unsure": sum(not each.sure for each in row.verdicts.values()),
            "models": models,
        }
        if mark:
            image["marked"] = {"label": mark.label, "asked": mark.asked}
        images.append(image)
    return json.dumps({"pictures": images}, indent=2, ensure_ascii=False)


def not_a_formula(text: str) -> str:
    """Quoted if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
