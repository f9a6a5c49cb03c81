"""Copies of a result and of the page's link, and the visitor's marks as a file."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from frontend import components
from frontend.api.jobs import Job, Key
from frontend.results.comparison import Row
from frontend.results.copied_text import as_text
from frontend.results.export import as_json, labels_csv
from frontend.state.visitor_state import VisitorState
from frontend.views.inputs import ViewOptions


def show_copies(row: Row | None, jobs: Mapping[Key, Job], visitor: VisitorState, options: ViewOptions) -> None:
    """Buttons that copy the image's predictions as text and as JSON, unless it is None, and the link to the page."""
    texts = options.texts
    copies = [] if row is None else [
        {"label": texts("copy_text"), "text": as_text(row, options.known, texts)},
        {"label": texts("copy_json"), "text": as_json([row], jobs, visitor.marks)},
    ]  # fmt: skip
    copies.append({"label": texts("copy_link"), "title": texts("copy_link_help")})
    data = {"copies": copies, "copied": texts("copied"), "failed": texts("not_copied")}
    components.copy_buttons()(key="copy" if row is None else "copy-image", data=components.as_data(data))


def show_marks(visitor: VisitorState, options: ViewOptions, key: str) -> None:
    """A button that saves the images whose label the visitor said, once there is one."""
    if any(mark.label for mark in visitor.marks.values()):
        st.download_button(
            options.texts("download_labels"),
            lambda: labels_csv(visitor.images, visitor.marks),
            "labels.csv",
            "text/csv",
            key=key,
            help=options.texts("download_labels_help"),
            on_click="ignore",
        )
