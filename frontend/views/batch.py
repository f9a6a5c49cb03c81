"""Many pictures' answers: a table of pictures by models, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from frontend import components
from frontend.api.jobs import Job, Key
from frontend.results.comparison import Row, as_csv, as_json, summary, table
from frontend.state.visitor_state import Visit
from frontend.views import markup
from frontend.views.cards import Cards
from frontend.views.inputs import Wishes

MATRIX_WORDS = (
    "table_title", "filter", "only", "only_all", "only_differ", "only_unsure", "only_failed", "column_picture",
    "column_agree", "yes", "no", "pending", "failed", "cancelled", "unsure",
)  # fmt: skip


def show_many(here: Visit, wishes: Wishes) -> None:
    """Draws the table as it is now."""
    say, jobs = wishes.say, here.jobs.jobs()
    ids = {picture.id for picture in here.pictures}
    mine = {key: job for key, job in jobs.items() if key[0] in wishes.models and key[1] in ids}
    rows = table(here.pictures, wishes.models, mine, wishes.threshold)
    counts = summary(rows, mine.values())
    done = counts.total - counts.pending - counts.cancelled
    with st.container(horizontal=True, vertical_alignment="center", key="progress"):
        st.progress(done / counts.total if counts.total else 0.0, say("progress", done=done, total=counts.total))
        if counts.pending:
            st.button(say("cancel"), key="cancel", icon=":material/stop:", on_click=here.jobs.cancel)
        elif (counts.cancelled or counts.failures) and st.button(
            say("resume" if counts.cancelled else "again"), key="resume", icon=":material/play_arrow:"
        ):
            here.jobs.again()
            st.rerun()
    _figures(rows, wishes, mine)

    def opened() -> None:
        here.opened = str(st.session_state["matrix"].opened)

    components.matrix()(
        key="matrix",
        data=components.as_data(
            {
                "models": [{"name": model, "title": wishes.titles[model]} for model in wishes.models],
                "rows": [_line(row, wishes) for row in rows],
                "opened": here.opened,
                "texts": {key: say(key) for key in MATRIX_WORDS}
                | {
                    "sort_by": say("sort_by", column="{column}"),
                    "open_picture": say("open_picture", name="{name}"),
                    "rows_shown": say("rows_shown", shown="{shown}", total="{total}"),
                },
            }
        ),
        on_opened_change=opened,
    )
    with st.container(horizontal=True, key="downloads"):
        st.download_button(
            say("download_csv"), lambda: as_csv(rows), "guichet.csv", "text/csv", key="csv", on_click="ignore"
        )
        st.download_button(
            say("download_json"),
            lambda: as_json(rows, mine),
            "guichet.json",
            "application/json",
            key="json",
            on_click="ignore",
        )
    for picture in here.pictures:
        if picture.id == here.opened:
            st.html(f'<h2 class="g-opened">{markup.escape(picture.name)}</h2>')
            Cards(picture, wishes, here).announce()


def _figures(rows: list[Row], wishes: Wishes, jobs: Mapping[Key, Job]) -> None:
    say, counts = wishes.say, summary(rows, jobs.values())
    entries = []
    if counts.compared:
        agreed = say("sum_agreement_of", agreed=counts.agreed, compared=counts.compared)
        entries.append((say("sum_agreement"), agreed))
    entries.append((say("sum_unsure"), str(counts.unsure)))
    if counts.failures:
        entries.append((say("sum_failed"), str(counts.failures)))
    entries += [
        (say("sum_median", model=wishes.titles[model]), say.duration(value)) for model, value in counts.median.items()
    ]
    if counts.rate:
        entries.append((say("sum_rate"), say.number(counts.rate)))
    st.html(markup.numbers(entries))


def _line(row: Row, wishes: Wishes) -> dict[str, object]:
    say = wishes.say
    cells = {}
    for model, cell in row.cells.items():
        cells[model] = {
            "state": cell.state,
            "label": cell.label,
            "score": cell.score,
            "sure": cell.sure,
            "percent": say.percent(cell.score),
            "time": say.duration(cell.milliseconds),
            "detail": markup.reason(cell.error, say) if cell.error else "",
        }
    verdict = row.agreement
    return {
        "id": row.picture.id,
        "name": row.picture.name,
        "preview": row.picture.preview,
        "handle": row.picture.handle,
        "agree": None if verdict.answered < 2 else verdict.kind == "all",
        "cells": cells,
    }
