"""The answers as they come. The page asks nothing anew to show them: it only looks at what its visitor's jobs say."""

from __future__ import annotations

import time
from collections.abc import Iterator

import streamlit as st

from frontend.api.jobs import Job
from frontend.state.visitor_state import Visit
from frontend.views.batch import show_many
from frontend.views.cards import Cards, asked, said
from frontend.views.inputs import Wishes

# The run of the script that asks stays for the answers, so long (s) …
STAY = 0.4
# … then it has the browser ask so often for what is new (s) …
POLL = 0.4
# … and each run waits for news, so long (s): when it ends the browser has asked again, and the next begins at once.
HOLD = 0.8
# A table that fills is drawn so often (s) at most.
POLL_MANY = 0.25
# A run that waits looks this often (s) whether its visitor has clicked, and what it says of those it waits for.
LOOK = 0.1


def show_results(here: Visit, wishes: Wishes) -> None:
    """Draws the answers as they come, until all have come."""
    if len(here.pictures) == 1:
        _one(here, wishes)
    else:
        _many(here, wishes)


def _one(here: Visit, wishes: Wishes) -> None:
    """One picture: an answer that comes soon is drawn by the run that asked for it, a later one by a run of its own."""
    picture = here.pictures[0]  # a click may give another while this run still waits
    cards = Cards(picture, wishes, here)
    voice = st.container()  # before what is not always there: it must not move
    _draw_what_comes(cards, here, STAY)
    if cards.pending:
        waits = iter([False])

        def run_again_at_news() -> None:
            for _ in _looks(here, HOLD) if next(waits, True) else ():
                if said(asked(picture, wishes, here), wishes) != cards.said or not cards.pending:
                    st.rerun()

        st.fragment(run_again_at_news, run_every=POLL)()
        _draw_what_comes(cards, here, HOLD)
    with voice:
        cards.announce()


def _draw_what_comes(cards: Cards, here: Visit, seconds: float) -> None:
    for _ in _looks(here, seconds):
        cards.update()
        if not cards.pending:
            break


def _many(here: Visit, wishes: Wishes) -> None:
    due = _due(here, wishes)
    waits = iter([bool(due)])

    def results() -> None:
        version = here.jobs.version
        show_many(here, wishes)
        if due and not _due(here, wishes):
            st.rerun()  # draws once more, without asking for news from now on
        # The wait comes last because Streamlit sends every 10 ms, and drops what is not yet sent when the next drawing
        # begins. A browser may ask once more than it should: without a wait it would keep the page drawing the same.
        if next(waits, True):
            for _ in _looks(here, HOLD):
                if here.jobs.version != version:
                    break

    st.fragment(results, run_every=POLL_MANY if due else None)()


def _looks(here: Visit, seconds: float) -> Iterator[None]:
    """One item at once, then one whenever there may be news, for so long; a click of the visitor ends the run."""
    until = time.monotonic() + seconds
    version = here.jobs.version
    yield
    while (left := until - time.monotonic()) > 0:
        here.jobs.wait(version, min(left, LOOK))
        version = here.jobs.version
        "visit" in st.session_state  # noqa: B015  # where Streamlit may interrupt
        yield


def _due(here: Visit, wishes: Wishes) -> list[Job]:
    ids = {picture.id for picture in here.pictures}
    jobs = here.jobs.jobs().values()
    return [job for job in jobs if job.pending and job.model in wishes.models and job.picture in ids]
