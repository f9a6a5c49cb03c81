"""Draws the results while they arrive. Drawing sends no requests: it only reads the visitor's jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import streamlit as st

from frontend.api.jobs import Job
from frontend.images.image import Image
from frontend.results.comparison import table
from frontend.state.visitor_state import VisitorState
from frontend.views.batch import show_batch
from frontend.views.cards import Cards, jobs_of, status_by_model
from frontend.views.feedback import ask_feedback
from frontend.views.image_dialog import show_dialog
from frontend.views.inputs import ViewOptions
from frontend.views.share import show_copies, show_marks

# Seconds. The script's first run waits this long for results …
FIRST_WAIT = 0.4
# … then the browser polls this often …
POLL_SECONDS = 0.4
# … and each poll waits this long for news, so that the next one has already arrived when it ends.
LONG_POLL = 0.8
# The table is drawn this often at most.
TABLE_POLL = 0.25
# How often a waiting run lets Streamlit interrupt it for a click.
INTERRUPT_EVERY = 0.1


def show_results(visitor: VisitorState, options: ViewOptions) -> None:
    """Draw the results of one image as cards, those of several as a table, until all have arrived."""
    if len(visitor.images) == 1:
        _show_one(visitor.images[0], visitor, options)
        return
    _show_several(visitor, options)
    if visitor.opened:
        show_dialog(visitor, options, lambda image: _show_one(image, visitor, options))


def _show_one(image: Image, visitor: VisitorState, options: ViewOptions) -> None:
    cards = Cards(image, options, visitor)
    announcements = st.container()  # before the fragment, which is not always there, so that it does not move
    _update_until_done(cards, visitor, FIRST_WAIT)
    if cards.pending:
        long_polls = iter([False])  # the fragment's first run is part of this one and does not wait

        def rerun_at_news() -> None:
            for _ in _ticks(visitor, LONG_POLL) if next(long_polls, True) else ():
                if status_by_model(jobs_of(image, options, visitor), options) != cards.shown or not cards.pending:
                    st.rerun()

        st.fragment(rerun_at_news, run_every=POLL_SECONDS)()
        _update_until_done(cards, visitor, LONG_POLL)
    with announcements:
        cards.announce()
    jobs = visitor.jobs.jobs()
    (row,) = table([image], options.chosen, jobs, options.thresholds)
    ask_feedback(row, visitor, options)
    show_copies(row, jobs, visitor, options)
    if len(visitor.images) == 1:
        show_marks(visitor, options, "labels")


def _update_until_done(cards: Cards, visitor: VisitorState, seconds: float) -> None:
    for _ in _ticks(visitor, seconds):
        cards.update()
        if not cards.pending:
            break


def _show_several(visitor: VisitorState, options: ViewOptions) -> None:
    pending = _pending(visitor, options)
    long_polls = iter([bool(pending)])

    opened = visitor.opened

    def draw_table() -> None:
        version = visitor.jobs.version
        if visitor.opened and not opened:
            st.rerun()  # with the dialog
        show_batch(visitor, options)
        if bool(pending) != bool(_pending(visitor, options)):
            st.rerun()  # with the polling or without it
        # Wait after drawing: Streamlit flushes every 10 ms, and the next run discards what was not flushed. If nothing
        # is pending, a late poll must wait too, or it would draw the same table again and again.
        if next(long_polls, True):
            for _ in _ticks(visitor, LONG_POLL):
                if visitor.jobs.version != version:
                    break

    st.fragment(draw_table, run_every=TABLE_POLL if pending else None)()


def _ticks(visitor: VisitorState, seconds: float) -> Iterator[None]:
    """Yield at once, then at every change of the jobs and every INTERRUPT_EVERY, for `seconds`."""
    until = time.monotonic() + seconds
    version = visitor.jobs.version
    yield
    while (left := until - time.monotonic()) > 0:
        visitor.jobs.wait(version, min(left, INTERRUPT_EVERY))
        version = visitor.jobs.version
        "visitor" in st.session_state  # noqa: B015  # reading the session is where Streamlit interrupts a run
        yield


def _pending(visitor: VisitorState, options: ViewOptions) -> list[Job]:
    ids = {image.id for image in visitor.images}
    jobs = visitor.jobs.jobs().values()
    return [job for job in jobs if job.pending and job.model in options.models and job.image in ids]
