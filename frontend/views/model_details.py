"""The popover below a model's predictions: the model's card, and code for the same request."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend.api.client import Model
from frontend.api.errors import GatewayError
from frontend.api.jobs import Job
from frontend.images.image import Image
from frontend.locales.texts import Texts
from frontend.results import snippets
from frontend.state.streamlit_state import shared_state
from frontend.views import markup
from frontend.views.inputs import ViewOptions
from frontend.views.messages import error_message, show_request_id


def show_details(job: Job, image: Image, options: ViewOptions) -> None:
    """The popover; its content is made when it is opened."""
    texts = options.texts
    popover = st.popover(
        texts("details"), type="tertiary", icon=":material/info:", on_change="rerun", key=f"details-{job.model}"
    )
    if not popover.open:
        return
    with popover:
        about, code = st.tabs([texts("about"), texts("code")])
        with about:
            show_card(options.known[job.model], texts)
        with code:
            show_code(job, image, options)


def show_card(model: Model, texts: Texts) -> None:
    """What the model knows, its card and its receipt."""
    try:
        card = shared_state().card(model.name)
    except GatewayError as err:
        st.error(markup.escape_markdown(texts("about_failed", reason=error_message(err, texts))))
        return
    st.write(texts(f"honest_{model.scores}"))
    st.html(markup.facts(card_facts(card, texts)))
    if isinstance(card.get("receipt"), dict):
        with st.expander(texts("card_receipt")):
            st.json(card["receipt"])


def card_facts(card: dict[str, Any], texts: Texts) -> list[tuple[str, str]]:
    """The main fields of a card and of its receipt, those that are there."""
    receipt = card["receipt"] if isinstance(card.get("receipt"), dict) else {}
    values = card | {
        "weights": _weights(receipt),
        "size": _size(receipt, texts),
        "agreement": _agreement(receipt, texts),
        "accuracy": _accuracy(receipt, texts),
        "sure_from": texts.percent(bound) if isinstance(bound := card.get("sure_from"), float) else "",
    }
    names = ("version", "precision", "accuracy", "sure_from", "agreement", "architecture", "weights", "input", "labels")
    return [(texts(f"card_{name}"), _fact(values[name])) for name in (*names, "size") if values.get(name)]


def _weights(receipt: dict[str, Any]) -> str:
    """Which training the weights are from: a package, a file, a URL, or torchvision's name."""
    source = receipt.get("source")
    if not isinstance(source, dict):
        return ""
    return str(next((source[key] for key in ("torchvision", "package", "url", "file") if key in source), ""))


def _size(receipt: dict[str, Any], texts: Texts) -> str:
    files = receipt.get("files")
    sizes = [file.get("bytes") for file in files.values() if isinstance(file, dict)] if isinstance(files, dict) else []
    total = sum(size for size in sizes if isinstance(size, int))
    return texts.size(total) if total else ""


def _agreement(receipt: dict[str, Any], texts: Texts) -> str:
    """On how many test images the exported model and its original have the same best label."""
    found = receipt.get("agreement")
    if not isinstance(found, dict) or not isinstance(found.get("top1"), int | float) or not found.get("images"):
        return ""
    return texts("card_agreement_of", percent=texts.percent(found["top1"]), count=found["images"])


def _accuracy(receipt: dict[str, Any], texts: Texts) -> str:
    """For how many labelled images the model's best label was right."""
    found = receipt.get("evaluation")
    if not isinstance(found, dict) or not isinstance(found.get("top1"), int | float) or not found.get("images"):
        return ""
    return texts("card_accuracy_of", percent=texts.percent(found["top1"]), count=found["images"])


def _fact(value: Any) -> str:
    if isinstance(value, dict) and {"width", "height"} <= value.keys():
        return f"{value['width']} × {value['height']}"
    return str(value)


def show_code(job: Job, image: Image, options: ViewOptions) -> None:
    """The request as curl, Python and Hugging Face's client."""
    texts, settings = options.texts, shared_state().settings
    top_k = min(options.top, options.known[job.model].labels or options.top)
    request = snippets.Request(settings.gateway, job.model, image, top_k, settings.shown_key)
    if settings.shown_key is None:
        st.write(markup.escape_markdown(texts("code_key")))
    if not image.url:
        st.write(markup.escape_markdown(texts("code_file", name=image.file_name)))
    for key, title, code in (
        ("curl", "curl", snippets.curl(request)),
        ("python", "Python", snippets.python(request)),
        ("hugging-face", texts("hugging_face"), snippets.hugging_face(request)),
    ):
        with st.container(key=f"code-{key}-{job.model}", gap="xsmall"):
            st.markdown(f"**{title}**")
            st.code(code, language=None, wrap_lines=True)
    if not image.url:
        st.download_button(
            texts("save_image"),
            image.data,
            image.file_name,
            image.media_type,
            key=f"save-{job.model}-{image.id[:8]}",
            on_click="ignore",
        )
    request_id = job.response.request_id if job.response else job.error.request_id if job.error else ""
    show_request_id(request_id, texts)
