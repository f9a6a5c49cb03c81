"""Where Streamlit keeps things: the office for all, the visit for one, the language of the page."""

from __future__ import annotations

import streamlit as st

from frontend.api.jobs import JobStore
from frontend.locales.texts import LANGUAGES, Texts, language_of
from frontend.settings import settings
from frontend.state.shared import Office
from frontend.state.visitor_state import Visit


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


def words() -> Texts:
    """The page's words: in the language that was chosen, or linked to, or else the browser's."""
    for wanted in (st.session_state.get("lang"), st.query_params.get("lang")):
        if wanted in LANGUAGES:
            return Texts(wanted)
    return Texts(language_of(st.context.locale))


def choose_language(say: Texts) -> None:
    """Asks for the language; `words` knows the answer from the next run on."""
    st.segmented_control(
        say("language"),
        LANGUAGES,
        default=language_of(st.context.locale),
        required=True,
        key="lang",
        bind="query-params",
        label_visibility="collapsed",
    )
