"""The page's own browser components: the image input, the results table, and announcements for screen readers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent

# A live region must stay in the document while its text changes; Streamlit replaces its own elements.
ANNOUNCER_HTML = '<p role="status" data-at="announcer"></p>'
ANNOUNCER_CSS = "p { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }"
ANNOUNCER_JS = """
export default function ({ parentElement, data }) {
  const announcer = parentElement.querySelector('[data-at="announcer"]');
  const { text } = JSON.parse(new TextDecoder().decode(data));
  if (announcer.textContent !== text) announcer.textContent = text;
}
"""


# Each one imports only from those before it.
IMAGE_INPUT_MODULES = ("formats", "files", "prepare", "delivery", "input")


def one_module(modules: Iterable[str]) -> str:
    """JavaScript modules as one, because Streamlit takes one script per component and it cannot import others."""
    text = re.sub(r"^import .*\n", "", "\n".join(modules), flags=re.MULTILINE)
    return re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE)


def as_data(value: object) -> bytes:
    """A component's data. Bytes, because Streamlit searches anything else for data frames on every run."""
    return json.dumps(value, ensure_ascii=False).encode()


@cache
def image_input() -> ComponentRenderer:
    """Triggers: `images` (a batch, see VisitorState.add_uploads), `sample` (its name), `url` (pasted), `cleared`,
    `resume` (the token of the visit before a reload), `reconnected`.
    """
    folder = HERE / "image_input"
    html, css = ((HERE / f"image_input.{kind}").read_text(encoding="utf-8") for kind in ("html", "css"))
    modules = [(folder / f"{name}.mjs").read_text(encoding="utf-8") for name in IMAGE_INPUT_MODULES]
    return st.components.v2.component("guichet_image_input", html=html, css=css, js=one_module(modules))


@cache
def results_table() -> ComponentRenderer:
    """Trigger: `opened`, see VisitorState.open."""
    return _from_files("results_table")


@cache
def copy_buttons() -> ComponentRenderer:
    """Buttons that copy a text each, or the page's address."""
    return _from_files("copy_buttons")


@cache
def announcer() -> ComponentRenderer:
    """Announces the data's `text` when it changes."""
    return st.components.v2.component("guichet_announcer", html=ANNOUNCER_HTML, css=ANNOUNCER_CSS, js=ANNOUNCER_JS)


def _from_files(name: str) -> ComponentRenderer:
    html, css, js = ((HERE / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component(f"guichet_{name}", html=html, css=css, js=js)
