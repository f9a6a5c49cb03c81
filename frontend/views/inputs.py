"""The visitor's choices: images, models and options, and the link that reproduces them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import streamlit as st

from frontend import components
from frontend.api.client import Model
from frontend.images.image import MAX_IMAGES, SAMPLES_PATH, Image, ImageRefused, sample, sample_files
from frontend.locales.texts import Texts
from frontend.results.verdict import Thresholds
from frontend.state.shared import MAX_LABELS
from frontend.state.streamlit_state import resume_visit, shared_state
from frontend.state.visitor_state import VisitorState
from frontend.views.markup import escape_markdown

# How many models are chosen at first.
DEFAULT_MODELS = 3
# The browser reduces an image to this shorter side (pixels), about twice what the models need.
SIDE = 640
# How many of several images are previewed.
MAX_PREVIEWS = 24
# How many refused files of one kind are named.
MAX_NAMES = 8
INPUT_TEXTS = (
    "invite", "choose", "folder", "camera", "paste", "remove", "samples", "shoot", "close", "no_camera",
    "no_image_in_clipboard", "no_image_in_files", "disconnected", "interrupted",
)  # fmt: skip


@dataclass(frozen=True)
class ViewOptions:
    """The chosen models, all models by name, the number of labels to show, and from which scores they count."""

    models: list[str]
    known: Mapping[str, Model]
    top: int
    thresholds: Thresholds
    texts: Texts

    @property
    def chosen(self) -> list[Model]:
        return [self.known[name] for name in self.models]

    @property
    def titles(self) -> dict[str, str]:
        """All models' titles, by name."""
        return {name: model.title for name, model in self.known.items()}


def choose_models(models: list[Model], texts: Texts) -> list[str]:
    """The names of the chosen models, in the directory's order; at first those of the link."""
    titles = {model.name: model.title for model in models}
    linked = [name for name in (st.query_params.get("models") or "").split(",") if name in titles]
    chosen = st.pills(
        texts("models"),
        list(titles),
        selection_mode="multi",
        default=linked or list(titles)[:DEFAULT_MODELS],
        format_func=lambda name: escape_markdown(titles[name]),
        key="chosen",
        help=texts("models_help"),
        wrap=True,
        persist_state="session",
    )
    return [name for name in titles if name in chosen]


def choose_options(chosen: Iterable[Model], measured: Mapping[str, float], texts: Texts) -> tuple[int, Thresholds]:
    """The number of labels to show, and from which scores they count; `measured` grows when cards arrive."""
    kinds = {model.scores for model in chosen}
    sure, applies = 30, 50
    # A link with a bound means that one.
    as_measured = st.session_state.setdefault("sure_as_measured", "sure" not in st.query_params)
    with st.popover(texts("options"), icon=":material/tune:"):
        top = st.slider(texts("top"), 1, MAX_LABELS, 5, key="top", bind="query-params")
        if not st.toggle(
            texts("measured"), as_measured, key="measured", help=texts("measured_help"), bind="query-params"
        ):
            measured = {}
            sure = st.slider(
                texts("sure"), 0, 95, sure, step=5, format="%d %%", key="sure", help=texts("sure_help"),
                bind="query-params",
            )  # fmt: skip
        if "sigmoid" in kinds:
            applies = st.slider(
                texts("applies"), 5, 95, 50, step=5, format="%d %%", key="applies", help=texts("applies_help"),
                bind="query-params",
            )  # fmt: skip
    return int(top), Thresholds(sure / 100, applies / 100, measured)


def update_link(models: list[Model], chosen: list[str], visitor: VisitorState) -> None:
    """Write the chosen models, unless they are the default, and the sample into the page's URL.

    The other widgets are bound to it.
    """
    default = [model.name for model in models[:DEFAULT_MODELS]]
    for name, value in (("models", ",".join(chosen) if chosen != default else ""), ("sample", visitor.sample)):
        if value != st.query_params.get(name, ""):
            if value:
                st.query_params[name] = value
            else:
                del st.query_params[name]


def choose_images(visitor: VisitorState, texts: Texts) -> None:
    """The image input, the URL field, and the reasons why images were refused."""
    if not visitor.images and not visitor.refused and not st.session_state.get("link_read"):
        if "url" in st.query_params:
            visitor.use_url(st.query_params["url"])
        elif "sample" in st.query_params:
            _use_sample(visitor, st.query_params["sample"])
    st.session_state["link_read"] = True

    def on_images() -> None:
        st.session_state["url"] = ""
        visitor.add_uploads(_event("images"))

    def on_sample() -> None:
        st.session_state["url"] = ""
        _use_sample(visitor, str(_event("sample")))

    def on_url() -> None:
        st.session_state["url"] = str(_event("url") or "")
        visitor.use_url(st.session_state["url"])

    def on_cleared() -> None:
        st.session_state["url"] = ""
        visitor.clear()

    def on_resume() -> None:
        st.session_state["visit_lost"] = not resume_visit(str(_event("resume")))

    components.image_input()(
        key="input",
        data=components.as_data(input_data(visitor, texts)),
        on_images_change=on_images,
        on_sample_change=on_sample,
        on_url_change=on_url,
        on_cleared_change=on_cleared,
        on_resume_change=on_resume,
        on_reconnected_change=lambda: None,
    )
    with st.container(key="address"):
        st.text_input(
            texts("address"),
            key="url",
            type="url",
            placeholder="https://…",
            bind="query-params",
            on_change=lambda: visitor.use_url(st.session_state["url"]),
        )
    if st.session_state.pop("visit_lost", False) and not visitor.images:
        st.warning(texts("visit_lost"))
    for message in refusals(visitor.refused, texts):
        st.error(escape_markdown(message))


def refusals(refused: Iterable[ImageRefused], texts: Texts) -> list[str]:
    """One message per reason, which names the files."""
    names: dict[str, list[str]] = {}
    for each in refused:
        names.setdefault(each.reason, []).append(each.name)
    messages = []
    for reason, files in names.items():
        listed = ", ".join(files[:MAX_NAMES])
        more = texts("and_more", count=len(files) - MAX_NAMES) if len(files) > MAX_NAMES else ""
        messages.append(f"{listed}{more}: {texts(reason)}" if listed else texts(reason))
    return messages


def _use_sample(visitor: VisitorState, name: str) -> None:
    if image := sample(name, shared_state().settings.samples):
        visitor.use_sample(image)


def _event(name: str) -> Any:
    """What the image input has just sent. A client that is not a browser may send an event without the widget."""
    return getattr(st.session_state.get("input"), name, None)


def input_data(visitor: VisitorState, texts: Texts) -> dict[str, object]:
    """The data of the image input component."""
    labels = {key: texts(key) for key in INPUT_TEXTS}
    labels["preparing"] = texts("preparing", done="{done}", total="{total}")
    samples = sample_files(shared_state().settings.samples).values()
    return {
        "texts": labels,
        "language": texts.language,
        "side": SIDE,
        "most": MAX_IMAGES,
        "visit": visitor.visit,
        "batch": visitor.batch,
        "given": visitor.given,
        "marks": [[image, mark.asked, mark.label] for image, mark in visitor.marks.items()],
        "preview": _preview(visitor, texts),
        "samples": [_sample(file.name, visitor.images, texts) for file in samples],
    }


def _preview(visitor: VisitorState, texts: Texts) -> dict[str, object] | None:
    images = visitor.images
    if not images:
        return None
    if len(images) > 1:
        strip = [image.handle for image in images[:MAX_PREVIEWS]]
        caption = texts("image_count", count=len(images))
        return {"src": "", "handle": "", "kept": "", "alt": "", "strip": strip, "caption": caption, "note": ""}
    (image,) = images
    note = ""
    if image.original_bytes:
        note = texts("made_smaller", before=texts.size(image.original_bytes), after=texts.size(len(image.data)))
    return {
        "src": image.preview,
        "handle": image.handle,
        "kept": visitor.path_of(image),
        "alt": texts("preview_alt", name=image.name),
        "strip": [],
        "caption": image.name,
        "note": note,
    }


def _sample(file: str, images: list[Image], texts: Texts) -> dict[str, object]:
    name = PurePath(file).stem
    key = f"sample_{name}"
    return {
        "name": name,
        "label": texts(key) if texts.has(key) else name,
        "src": f"{SAMPLES_PATH}/{quote(file)}",
        "chosen": len(images) == 1 and images[0].name == file,
    }
