"""The status view: each model's readiness, recent latency, card and receipt."""

from __future__ import annotations

import statistics
from typing import Literal

import streamlit as st

from frontend.api.client import Model
from frontend.api.errors import GatewayError
from frontend.locales.texts import Texts
from frontend.state.streamlit_state import page_texts, shared_state
from frontend.views import markup
from frontend.views.messages import show_error
from frontend.views.model_details import card_facts

POLL_SECONDS = 1.0
BADGES: dict[str, tuple[str, Literal["gray", "orange", "green", "red"]]] = {
    "unknown": (":material/help:", "gray"),
    "waking": (":material/pending:", "orange"),
    "ready": (":material/check_circle:", "green"),
    "failed": (":material/error:", "red"),
}


def main() -> None:
    texts = page_texts()
    st.title(texts("status_title"))
    st.write(texts("status_note"))
    try:
        models = shared_state().models()
    except GatewayError as err:
        show_error(err, texts)
        st.button(texts("retry"), key="directory-again")
        return
    # A callback runs even if the visitor leaves for the other view at once.
    st.button(texts("check_again"), icon=":material/refresh:", key="check", on_click=check_all, args=[models])
    if "checked" not in st.session_state:
        st.session_state["checked"] = True
        for model in models:
            shared_state().readiness.wake(model.name)
    st.fragment(show_models, run_every=POLL_SECONDS)(models, texts)


def check_all(models: list[Model]) -> None:
    """Ask every model whether it is ready, even if that is known."""
    readiness = shared_state().readiness
    for model in models:
        readiness.forget(model.name)
        readiness.wake(model.name)


def show_models(models: list[Model], texts: Texts) -> None:
    with st.grid(3, min_column_width=280, gap="small"):
        for model in models:
            with st.container(border=True, key=f"status-{model.name}"):
                show_model(model, texts)


def show_model(model: Model, texts: Texts) -> None:
    shared = shared_state()
    known = shared.readiness.state(model.name)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.html(markup.card_head(model.title), width="content")
        icon, color = BADGES[known.state]
        st.badge(texts(f"state_{known.state}"), icon=icon, color=color)
    if known.error is not None:
        show_error(known.error, texts)
    typical = shared.readiness.typical_seconds(model.name)
    if typical is not None:
        st.caption(texts("wakes_in", seconds=texts.number(typical)))
    st.html(latency(shared.latencies(model.name), texts))
    if known.state != "ready":
        return
    try:
        card = shared.card(model.name)
    except GatewayError as err:
        show_error(err, texts)
        return
    st.html(markup.facts(card_facts(card, texts)))
    if isinstance(card.get("receipt"), dict):
        with st.popover(texts("card_receipt"), key=f"receipt-{model.name}", type="tertiary", icon=":material/receipt:"):
            st.json(card["receipt"])


def latency(times: list[float], texts: Texts) -> str:
    """A heading and a plot of the recent latencies."""
    heading = f'<h3 class="g-small">{markup.escape(texts("latency"))}</h3>'
    if not times:
        return f'{heading}<p class="g-plot-words">{markup.escape(texts("latency_none"))}</p>'
    caption = texts(
        "latency_text",
        count=len(times),
        median=texts.duration(statistics.median(times)),
        slowest=texts.duration(max(times)),
    )
    return heading + markup.latency_plot(times, caption)


main()
