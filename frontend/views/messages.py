"""What the page says about errors and about models that have not responded yet."""

from __future__ import annotations

import streamlit as st

from frontend.api.client import Timings
from frontend.api.errors import MALFORMED, GatewayError
from frontend.api.jobs import State
from frontend.api.readiness import SHORTEST_COLD_START
from frontend.locales.texts import Texts
from frontend.views.markup import escape_markdown

# A running request is said to take long after these seconds; a model that is ready and idle responds sooner.
SLOW = (3, 10, 30, 60)


def show_error(error: GatewayError, texts: Texts) -> None:
    """The error, and the request's id to quote when asking for help."""
    st.error(escape_markdown(error_message(error, texts)))
    show_request_id(error.request_id, texts)


def show_request_id(request_id: str, texts: Texts) -> None:
    if request_id:
        st.caption(escape_markdown(texts("request_id", id=request_id)))


def error_message(error: GatewayError, texts: Texts) -> str:
    """The error in the visitor's language; a service's own sentence if its code is unknown."""
    key = "error_malformed" if error.code in MALFORMED else f"error_{error.code}"
    if texts.has(key):
        return texts(key)
    if error.code.startswith("http_"):
        return texts("error_other", status=error.status)
    return error.detail


def waking_message(typical: float | None, texts: Texts) -> str:
    """For a model that is starting; `typical` is how many seconds that usually takes."""
    return texts("waking_unknown") if typical is None else texts("waking_usually", seconds=f"{typical:.0f}")


def pending_message(state: State, elapsed: float, texts: Texts) -> str:
    """For a job that is pending, `elapsed` seconds after its request was sent."""
    if state == "queued":
        return texts("queued")
    slow = [seconds for seconds in SLOW if state == "running" and elapsed >= seconds]
    return texts("running_long", seconds=slow[-1]) if slow else texts("running")


def readiness_note(wake_seconds: float, timings: Timings, texts: Texts) -> str:
    """Whether the model had to start for this request; "" if the page cannot tell."""
    if wake_seconds >= SHORTEST_COLD_START:
        return texts("cold_start", seconds=texts.number(wake_seconds))
    return texts("was_ready") if timings.network < SLOW[0] * 1000 else ""
