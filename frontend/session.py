"""Where Streamlit keeps things: the office for all, the visit for one, the language of the page."""

from __future__ import annotations

import streamlit as st

from frontend.jobs import JobStore
from frontend.office import Office
from frontend.settings import settings
from frontend.texts import LANGUAGES, Texts, language_of
from frontend.visit import Visit


@st.cache_resource(show_spinner=False)
def office() -> Office:
    """What all visitors share."""
    return Office(settings())


def visit() -> Visit:
    """What this visitor has given and asked."""
    if "visit" not in st.session_state:
        shared = office()
        st.session_state["visit"] = Visit(JobStore(shared.ask, shared.awake, shared.threads))
    kept = st.session_state["visit"]
    assert isinstance(kept, Visit)  # noqa: S101  # the session holds anything; mypy should know
    return kept


def choose_language() -> Texts:
    """Asks for the language, which begins as the browser's; the words in it."""
    say = Texts(language_of(st.context.locale))
    chosen = st.segmented_control(
        say("language"),
        LANGUAGES,
        default=say.language,
        required=True,
        key="lang",
        bind="query-params",
        label_visibility="collapsed",
    )
    return Texts(chosen or say.language)


def words() -> Texts:
    """The words in the language that was chosen."""
    chosen = st.session_state.get("lang")
    return Texts(chosen if chosen in LANGUAGES else language_of(st.context.locale))
