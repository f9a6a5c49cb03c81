"""Where Streamlit keeps the shared state, a visitor's state, and the chosen language."""

from __future__ import annotations

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from frontend.api.jobs import JobStore
from frontend.locales.texts import LANGUAGES, Texts, language_of
from frontend.settings import settings
from frontend.state.shared import SharedState
from frontend.state.visitor_state import VisitorState
from frontend.state.visits import Visits


@st.cache_resource(show_spinner=False)
def shared_state() -> SharedState:
    """The state that all visitors share."""
    return SharedState(settings())


@st.cache_resource(show_spinner=False)
def visits() -> Visits:
    """All visits of this process."""
    return Visits(lambda session: not runtime.exists() or runtime.get_instance().is_active_session(session))


def visitor_state() -> VisitorState:
    """This visitor's state."""
    if "visitor" not in st.session_state:
        shared = shared_state()
        jobs = JobStore(shared.predict, shared.readiness.wake, shared.threads)
        visitor = VisitorState(jobs, _session_id(), visits().budget)
        visits().add(visitor)
        st.session_state["visitor"] = visitor
    state = st.session_state["visitor"]
    assert isinstance(state, VisitorState)  # noqa: S101  # for mypy
    return state


def resume_visit(token: str) -> bool:
    """Continue the visit of that token, which a reload of the page interrupted; False if it has ended."""
    visitor = visits().resume(token, _session_id())
    if visitor is not None:
        st.session_state["visitor"] = visitor
    return visitor is not None


def _session_id() -> str:
    context = get_script_run_ctx()
    return context.session_id if context else ""


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
