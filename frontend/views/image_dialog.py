"""The predictions for one image of several, in a dialog that goes through the table's rows."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from frontend.images.image import Image
from frontend.state.visitor_state import VisitorState
from frontend.views.inputs import ViewOptions
from frontend.views.markup import breakable, escape_markdown


def show_dialog(visitor: VisitorState, options: ViewOptions, show_image: Callable[[Image], None]) -> None:
    """Show the opened image, until the visitor closes the dialog."""
    texts = options.texts

    def close() -> None:
        visitor.opened = ""

    @st.dialog(texts("dialog_title"), width="large", on_dismiss=close)
    def dialog() -> None:
        images = visitor.rows
        index = next((place for place, image in enumerate(images) if image.id == visitor.opened), None)
        if index is None:  # removed meanwhile
            close()
            st.rerun()
        image = images[index]
        with st.container(key="opened"):
            with st.container(key="turn", horizontal=True, vertical_alignment="center"):
                _turn(visitor, texts("previous"), "Left", images[index - 1] if index else None)
                st.markdown(escape_markdown(texts("image_of", number=index + 1, total=len(images))), width="content")
                _turn(visitor, texts("next"), "Right", images[index + 1] if index + 1 < len(images) else None)
            left, right = st.columns([4, 9], gap="medium")
            left.html(_figure(image, image.preview or visitor.path_of(image), texts("preview_alt", name=image.name)))
            with right:
                show_image(image)

    dialog()


def _turn(visitor: VisitorState, label: str, shortcut: str, image: Image | None) -> None:
    """A button that opens the image."""

    def open_image() -> None:
        if image is not None:
            visitor.opened = image.id

    key = f"turn-{shortcut.lower()}"
    icon = f":material/chevron_{shortcut.lower()}:"
    st.button(label, key=key, icon=icon, shortcut=shortcut, disabled=image is None, on_click=open_image)


def _figure(image: Image, src: str, alt: str) -> str:
    return (
        f'<figure class="g-figure"><img src="{escape(src)}" alt="{escape(alt)}">'
        f"<figcaption>{breakable(image.name)}</figcaption></figure>"
    )
