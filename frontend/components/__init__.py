"""The page's own pieces of browser: the picture input, the table, and a voice for screen readers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent
STYLESHEET = HERE.parent / "assets" / "page.css"

# A live region must stay in the document while its text changes, which an element that is drawn anew does not.
VOICE_HTML = '<p role="status" data-at="voice"></p>'
VOICE_CSS = "p { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }"
VOICE_JS = """
export default function ({ parentElement, data }) {
  const voice = parentElement.querySelector('[data-at="voice"]');
  const { text } = JSON.parse(new TextDecoder().decode(data));
  if (voice.textContent !== text) voice.textContent = text;
}
"""


def as_data(value: object) -> bytes:
    """A component's data. Streamlit takes bytes as they are; in anything else it looks for data frames, every time."""
    return json.dumps(value, ensure_ascii=False).encode()


@cache
def picture_input() -> ComponentRenderer:
    """Triggers: `pictures` (a batch, see Visit.take_uploads), `sample` (its name), `address` (pasted), `cleared`."""
    return _from_assets("image_input")


@cache
def matrix() -> ComponentRenderer:
    """Triggers: `opened` (the id of the picture whose answers are wanted in full)."""
    return _from_assets("results_table")


@cache
def snippet() -> ComponentRenderer:
    """Code to copy; nothing comes back."""
    return _from_assets("snippet")


@cache
def voice() -> ComponentRenderer:
    """Says the data's `text` to screen readers when it changes."""
    return st.components.v2.component("guichet_voice", html=VOICE_HTML, css=VOICE_CSS, js=VOICE_JS)


@cache
def stylesheet() -> str:
    """The page's own style, as a <style> element."""
    return f"<style>{STYLESHEET.read_text(encoding='utf-8')}</style>"


def _from_assets(name: str) -> ComponentRenderer:
    html, css, js = ((HERE / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component(f"guichet_{name}", html=html, css=css, js=js)
