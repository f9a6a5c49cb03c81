"""Where Streamlit keeps the shared state, a visitor's state, and the chosen language."""

from __future__ import annotations

import streamlit as st

from frontend.api.jobs import JobStore
from frontend.locales.texts import LANGUAGES, Texts, language_of
from frontend.settings import settings
from frontend.state.shared import SharedState
from frontend.state.visitor_state import VisitorState


@st.cache_resource(show_spinner=False)
def shared_state() -> SharedState:
    """The state that all visitors share."""
    return SharedState(settings())


def visitor_state() -> VisitorState:
    """This visitor's state."""
    if "visitor" not in st.session_state:
        shared = shared_state()
        jobs = JobStore(shared.predict, shared.readiness.wake, shared.threads)
        st.session_state["visitor"] = VisitorState(jobs)
    state = st.session_state["visitor"]
    assert isinstance(state, VisitorState)  # noqa: S101  # for mypy
    return state


def page_texts() -> Texts:
    """The texts in the language that was chosen, else that of the link, else the browser's."""
    for language in (st.session_state.get("lang"), st.query_params.get("lang")):
        if language in LANGUAGES:
            return Texts(language)
    return Texts(language_of(st.context.locale))


def choose_language(texts: Texts) -> None:
    """The language switch; `page_texts` sees the choice on the next run."""
    st.segmented_control(
        texts("language"),
        LANGUAGES,
        default=language_of(st.context.locale),
        required=True,
        key="lang",
        bind="query-params",
        label_visibility="collapsed",
    )
