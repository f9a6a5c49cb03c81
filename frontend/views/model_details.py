"""What stands behind an answer, on demand: the model's card, and the same question from a program."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import components
from frontend.api.client import GatewayError
from frontend.api.jobs import Job
from frontend.images.image import Picture
from frontend.locales.texts import Texts
from frontend.results import snippets
from frontend.state.streamlit_state import office
from frontend.views import markup
from frontend.views.inputs import Wishes


def show_details(job: Job, picture: Picture, wishes: Wishes) -> None:
    """A popover with the model's card and the code; both are made when it is opened."""
    say = wishes.say
    popover = st.popover(
        say("details"), type="tertiary", icon=":material/info:", on_change="rerun", key=f"details-{job.model}"
    )
    if not popover.open:
        return
    with popover:
        about, code = st.tabs([say("about"), say("code")])
        with about:
            _show_about(job.model, say)
        with code:
            _show_code(job, picture, wishes)


def _show_about(model: str, say: Texts) -> None:
    try:
        card = office().card(model)
    except GatewayError as err:
        st.html(f'<p class="g-error">{markup.escape(say("about_failed", reason=markup.reason(err, say)))}</p>')
        return
    show_card(card, say)


def show_card(card: dict[str, Any], say: Texts) -> None:
    """A model's card: what it is, what it was trained on, how it was made."""
    st.html(f'<p class="g-note">{markup.escape(say("trained_on", labels=_labels(card)))}</p>')
    st.html(markup.facts(card_facts(card, say)))
    if isinstance(card.get("receipt"), dict):
        with st.expander(say("card_receipt")):
            st.json(card["receipt"])


def card_facts(card: dict[str, Any], say: Texts) -> list[tuple[str, str]]:
    """The card's plain facts, as far as it states them."""
    names = ("architecture", "input", "labels", "precision", "version")
    return [(say(f"card_{name}"), _fact(card[name])) for name in names if card.get(name) not in (None, "", [], {})]


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        if {"width", "height"} <= value.keys():
            return f"{value['width']} × {value['height']}"
        return ", ".join(f"{key} {_fact(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        # A model's input is often stated as its shape.
        return " × ".join(_fact(entry) for entry in value) if len(value) <= 4 else str(len(value))
    return str(value)


def _labels(card: dict[str, Any]) -> str:
    labels = card.get("labels")
    return str(len(labels) if isinstance(labels, list) else labels or 1000)


def _show_code(job: Job, picture: Picture, wishes: Wishes) -> None:
    """The same question as curl, Python and Hugging Face's client would ask it."""
    say, settings = wishes.say, office().settings
    request = snippets.Request(settings.gateway, job.model, picture, wishes.top, settings.shown_key)
    notes = []
    if settings.shown_key is None:
        notes.append(say("code_key"))
    if not picture.url:
        notes.append(say("code_file", name=picture.name))
    if notes:
        st.html("".join(f'<p class="g-note">{markup.escape(note)}</p>' for note in notes))
    for kind, title, code in (
        ("curl", "curl", snippets.curl(request)),
        ("python", "Python", snippets.python(request)),
        ("hugging-face", say("hugging_face"), snippets.hugging_face(request)),
    ):
        data = {"title": title, "code": code, "copy": say("copy"), "copied": say("copied")}
        components.snippet()(key=f"{kind}-{job.model}", data=components.as_data(data))
    if not picture.url:
        st.download_button(
            say("save_picture"),
            picture.data,
            picture.name,
            picture.sent_as,
            key=f"save-{job.model}-{picture.id[:8]}",
            on_click="ignore",
        )
    request_id = job.answer.request_id if job.answer else job.error.request_id if job.error else ""
    if request_id:
        st.html(f'<p class="g-request">{markup.escape(say("request_id", id=request_id))}</p>')
