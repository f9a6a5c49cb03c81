"""The status view: every model's readiness, version, precision, receipt and recent latency."""

from __future__ import annotations

import statistics

import streamlit as st

from frontend.api.client import GatewayError
from frontend.locales.texts import Texts
from frontend.state.shared import Model
from frontend.state.streamlit_state import office, words
from frontend.views import markup
from frontend.views.model_details import card_facts

POLL = 1.0


def main() -> None:
    say = words()
    st.html(f'<h1 class="g-title">{markup.escape(say("status_title"))}</h1><p>{markup.escape(say("status_note"))}</p>')
    try:
        models = office().models()
    except GatewayError as err:
        st.html(f'<section class="g-card-alone">{markup.error_body(err, say)}</section>')
        st.button(say("again"), key="directory-again")
        return
    # In a callback it is done even for a visitor who clicks and leaves for the other view at once.
    st.button(say("check_again"), icon=":material/refresh:", key="check", on_click=_check, args=[models])
    if "checked" not in st.session_state:
        st.session_state["checked"] = True
        for model in models:
            office().awake(model.name)
    st.fragment(_models, run_every=POLL)(models, say)


def _check(models: list[Model]) -> None:
    """Asks every model whether it is awake, whatever is known of it."""
    for model in models:
        office().wakes.seen_absent(model.name)
        office().awake(model.name)


def _models(models: list[Model], say: Texts) -> None:
    with st.grid(3, min_column_width=280, gap="small"):
        for model in models:
            with st.container(border=True, key=f"status-{model.name}"):
                _model(model, say)


def _model(model: Model, say: Texts) -> None:
    shared = office()
    known = shared.wakes.state(model.name)
    pieces = [
        f'<div class="g-card-head"><h2>{markup.escape(model.title)}</h2>',
        f"{markup.state_dot(known.state, say(f'state_{known.state}'))}</div>",
    ]
    if known.state == "failed" and known.error is not None:
        pieces.append(markup.error_body(known.error, say))
    usual = shared.wakes.usual(model.name)
    if usual is not None:
        pieces.append(f'<p class="g-note">{markup.escape(say("wakes_in", seconds=say.number(usual)))}</p>')
    pieces.append(f'<h3 class="g-small">{markup.escape(say("latency"))}</h3>')
    st.html("".join(pieces) + _latency(shared.latencies(model.name), say))
    if known.state != "awake":
        return
    try:
        card = shared.card(model.name)
    except GatewayError as err:
        st.html(markup.error_body(err, say))
        return
    st.html(markup.facts(card_facts(card, say)))
    if isinstance(card.get("receipt"), dict):
        with st.popover(say("card_receipt"), key=f"receipt-{model.name}", type="tertiary", icon=":material/receipt:"):
            st.json(card["receipt"])


def _latency(times: list[float], say: Texts) -> str:
    if not times:
        return f'<p class="g-plot-words">{markup.escape(say("latency_none"))}</p>'
    words = say(
        "latency_text",
        count=len(times),
        median=say.duration(statistics.median(times)),
        slowest=say.duration(max(times)),
    )
    return markup.latency_plot(times, words)


main()
