"""The answers as they come: a card per model for one picture, a table for many."""

from __future__ import annotations

import time
from collections.abc import Mapping

import streamlit as st

from frontend import components, markup
from frontend.asking import Wishes
from frontend.details import show_details
from frontend.jobs import Job, Key
from frontend.pictures import Picture
from frontend.session import office
from frontend.verdicts import Row, agreement, as_csv, as_json, summary, table
from frontend.visit import Visit

# While answers are due the browser asks this often for what is new (s); rarely, where all that is due is asleep …
POLL, POLL_ASLEEP = 0.1, 0.4
# … but each time, once it has drawn, the page waits for news, at most so long: the next drawing begins when one comes.
# The wait comes last because Streamlit sends every 10 ms, and drops what is not yet sent when the next drawing begins.
HOLD = 0.8
# Answers which take no longer than this all come with the very first drawing.
FIRST_HOLD = 0.08
# Sooner than this a model that is asked whether it is awake says so; calling it asleep would be a lie.
PATIENCE = 0.4


def show_results(here: Visit, wishes: Wishes) -> None:
    """Draws the answers, and again whenever one comes, until all have come."""
    until = time.monotonic() + FIRST_HOLD
    while (due := _due(here, wishes)) and (left := until - time.monotonic()) > 0:
        _hold(here, here.jobs.version, left)
    poll = None if not due else POLL_ASLEEP if all(job.state == "waking" for job in due) else POLL
    with_page = True

    def results() -> None:
        version, jobs = here.jobs.version, here.jobs.jobs()
        if len(here.pictures) == 1:
            _cards(here.pictures[0], wishes, jobs, here)
        else:
            _many(here, wishes, jobs)
        if due and not _due(here, wishes):
            st.rerun()  # draws once more, without asking for news from now on
        # A browser may ask once more than it should: without a wait it would keep the page drawing the same.
        if due or not with_page:
            _hold(here, version, HOLD)

    st.fragment(results, run_every=poll)()
    with_page = False


def _due(here: Visit, wishes: Wishes) -> list[Job]:
    ids = {picture.id for picture in here.pictures}
    jobs = here.jobs.jobs().values()
    return [job for job in jobs if job.pending and job.model in wishes.models and job.picture in ids]


def _hold(here: Visit, version: int, seconds: float) -> None:
    """Waits for news since `version`, at most so long; a click of the visitor ends the wait, and this run with it."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not here.jobs.wait(version, min(left, 0.04)):
        "visit" in st.session_state  # noqa: B015  # where Streamlit may interrupt


def _cards(picture: Picture, wishes: Wishes, jobs: Mapping[Key, Job], here: Visit) -> None:
    mine = {model: jobs[model, picture.id] for model in wishes.models if (model, picture.id) in jobs}
    best = {
        model: job.answer.predictions[0].label for model, job in mine.items() if job.answer and job.answer.predictions
    }
    pending = sum(job.pending for job in mine.values())
    row = markup.agreement_row(agreement(best), wishes.titles, pending, wishes.say)
    # The place is there before there is a verdict: what stands below it must not move, or it is drawn anew.
    with st.container(key=f"agreement-{picture.id[:8]}"):
        if row:
            st.html(row)
    with st.grid(min_column_width=240, gap="small"):
        for model, job in mine.items():
            with st.container(border=True, key=f"card-{model}"):
                _card(job, picture, wishes, here)
    _announce(mine, wishes)


def _card(job: Job, picture: Picture, wishes: Wishes, here: Visit) -> None:
    say = wishes.say
    title = wishes.titles[job.model]
    if job.answer is not None:
        body = markup.answer_body(job.answer, wishes.top, wishes.threshold, say)
        st.html(markup.card_head(title, markup.awake_words(job.woke, job.answer.timings, say)) + body)
    elif job.error is not None:
        st.html(markup.card_head(title) + markup.error_body(job.error, say))
        if st.button(say("again"), key=f"again-{job.model}"):
            here.jobs.again([job.model])
            st.rerun()
    else:
        st.html(markup.card_head(title) + _waiting(job, wishes))
    if job.pending:
        return
    show_details(job, picture, wishes)


def _waiting(job: Job, wishes: Wishes) -> str:
    say, wakes = wishes.say, office().wakes
    known = wakes.state(job.model)
    elapsed = time.monotonic() - known.since
    if job.state == "waking" and known.state == "waking" and elapsed > PATIENCE:
        return markup.waking_body(elapsed, wakes.usual(job.model), say)
    asked = time.monotonic() - job.asked_at if job.state == "asking" else 0.0
    return markup.asking_body(markup.waiting_words(job.state, asked, say))


def _announce(jobs: Mapping[str, Job], wishes: Wishes) -> None:
    """Tells a screen reader what has come."""
    say, lines = wishes.say, []
    for model, job in jobs.items():
        title = wishes.titles[model]
        if job.answer and job.answer.predictions:
            best = job.answer.predictions[0]
            lines.append(say("announce", model=title, label=best.label, score=say.percent(best.score)))
        elif job.error:
            lines.append(say("announce_failed", model=title, reason=markup.reason(job.error, say)))
    components.voice()(key="voice", data=components.as_data({"text": ". ".join(lines)}))


def _many(here: Visit, wishes: Wishes, jobs: Mapping[Key, Job]) -> None:
    say = wishes.say
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
            _cards(picture, wishes, mine, here)


MATRIX_WORDS = (
    "table_title", "filter", "only", "only_all", "only_differ", "only_unsure", "only_failed", "column_picture",
    "column_agree", "yes", "no", "pending", "failed", "cancelled", "unsure",
)  # fmt: skip


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
        job_error = cell.code and say.has(f"error_{cell.code}")
        cells[model] = {
            "state": cell.state,
            "label": cell.label,
            "score": cell.score,
            "sure": cell.sure,
            "percent": say.percent(cell.score),
            "time": say.duration(cell.milliseconds),
            "detail": say(f"error_{cell.code}", status="") if job_error else cell.detail,
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
