"""What a visitor chooses: models, options, pictures; and the link that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from frontend import components
from frontend.images.image import MOST, SAMPLES_PATH, Picture, sample_names
from frontend.locales.texts import Texts
from frontend.state.shared import MOST_LABELS, Model
from frontend.state.visitor_state import Visit
from frontend.views import markup

# Until a visitor chooses: few enough to read at a glance, and to wake.
FIRST_CHOICE = 3
# The shorter side of a picture as it is sent, in pixels: about twice what the models look at.
SIDE = 640
INPUT_WORDS = (
    "invite", "choose", "folder", "camera", "paste", "remove", "samples", "shoot", "close", "no_camera",
    "no_picture_in_clipboard", "no_picture_in_files",
)  # fmt: skip


@dataclass(frozen=True)
class Wishes:
    """What is to be shown, and how."""

    models: list[str]
    titles: dict[str, str]
    top: int
    threshold: float
    say: Texts


def choose_models(models: list[Model], say: Texts) -> list[str]:
    """The names of the chosen models, in the directory's order; a link's `models` come first."""
    titles = {model.name: model.title for model in models}
    linked = [name for name in (st.query_params.get("models") or "").split(",") if name in titles]
    chosen = st.pills(
        say("models"),
        list(titles),
        selection_mode="multi",
        default=linked or list(titles)[:FIRST_CHOICE],
        format_func=lambda name: markup.inert(titles[name]),
        key="chosen",
        help=say("models_help"),
        wrap=True,
        persist_state="session",
    )
    return [name for name in titles if name in chosen]


def choose_options(say: Texts) -> tuple[int, float]:
    """How many labels to show, and the score below which the page says that a model is not sure."""
    with st.popover(say("options"), icon=":material/tune:"):
        top = st.slider(say("top"), 1, MOST_LABELS, 5, key="top", bind="query-params")
        sure = st.slider(
            say("sure"), 0, 95, 30, step=5, format="%d %%", key="sure", help=say("sure_help"), bind="query-params"
        )
    return int(top), sure / 100


def keep_link(chosen: list[str]) -> None:
    """Writes the models into the page's address; the widgets keep the rest of it."""
    wanted = ",".join(chosen)
    if st.query_params.get("models", "") != wanted:
        if wanted:
            st.query_params["models"] = wanted
        else:
            del st.query_params["models"]


def give_pictures(here: Visit, say: Texts) -> None:
    """The one place where pictures come in."""
    if "url" in st.query_params and not here.pictures and not here.refused:
        here.take_address(st.query_params["url"])  # a link's picture

    def uploaded() -> None:
        _without_address()
        here.take_uploads(_sent("pictures"))

    def sampled() -> None:
        _without_address()
        here.take_sample(str(_sent("sample")))

    def pasted() -> None:
        st.session_state["url"] = str(_sent("address") or "")
        here.take_address(st.session_state["url"])

    def cleared() -> None:
        _without_address()
        here.clear()

    words = {key: say(key) for key in INPUT_WORDS}
    words["too_many"] = say("too_many", most=MOST)
    words["preparing"] = say("preparing", done="{done}", total="{total}")
    components.picture_input()(
        key="input",
        data=components.as_data(
            {
                "texts": words,
                "language": say.language,
                "side": SIDE,
                "most": MOST,
                "batch": here.batch,
                "preview": _preview(here.pictures, say),
                "samples": [_sample(name, here.pictures, say) for name in sample_names()],
            }
        ),
        on_pictures_change=uploaded,
        on_sample_change=sampled,
        on_address_change=pasted,
        on_cleared_change=cleared,
    )
    with st.container(key="address"):
        _ask_address(here, say)
    if here.pictures:
        st.html('<span class="g-given"></span>')
    for refusal in here.refused[:5]:
        name = f"{refusal.name}: " if refusal.name else ""
        st.html(f'<p class="g-error" role="alert">{markup.escape(name + say(refusal.reason))}</p>')


def _ask_address(here: Visit, say: Texts) -> None:
    st.text_input(
        say("address"),
        key="url",
        type="url",
        placeholder="https://…",
        bind="query-params",
        on_change=lambda: here.take_address(st.session_state["url"]),
    )


def _sent(event: str) -> Any:
    """What the picture input has just sent; a browser that is not one may send an event without its widget."""
    return getattr(st.session_state.get("input"), event, None)


def _without_address() -> None:
    st.session_state["url"] = ""


def _preview(pictures: list[Picture], say: Texts) -> dict[str, object] | None:
    if not pictures:
        return None
    if len(pictures) > 1:
        strip = [picture.handle for picture in pictures[:24]]
        return {
            "src": "",
            "handle": "",
            "alt": "",
            "strip": strip,
            "caption": say("many", count=len(pictures)),
            "note": "",
        }
    (picture,) = pictures
    note = ""
    if picture.original_bytes:
        note = say("made_smaller", before=say.size(picture.original_bytes), after=say.size(len(picture.data)))
    return {
        "src": picture.preview,
        "handle": picture.handle,
        "alt": say("preview_alt", name=picture.name),
        "strip": [],
        "caption": picture.name,
        "note": note,
    }


def _sample(name: str, pictures: list[Picture], say: Texts) -> dict[str, object]:
    chosen = len(pictures) == 1 and pictures[0].name == f"{name}.jpg"
    key = f"sample_{name}"
    return {
        "name": name,
        "label": say(key) if say.has(key) else name,
        "src": f"{SAMPLES_PATH}/{name}.jpg",
        "chosen": chosen,
    }
