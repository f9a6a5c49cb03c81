"""Whether the prediction for an image is right, and if not, what is."""

from __future__ import annotations

import streamlit as st

from frontend.api.jobs import Key
from frontend.images.image import MAX_NAME_LENGTH, Image
from frontend.results.agreement import asked_label
from frontend.results.comparison import Row
from frontend.results.marks import Mark
from frontend.state.visitor_state import VisitorState
from frontend.views.inputs import ViewOptions
from frontend.views.markup import escape_markdown


def ask_feedback(row: Row, visitor: VisitorState, options: ViewOptions) -> None:
    """Ask whether the label that most models say is right; nothing while no model has responded."""
    texts, image = options.texts, row.image
    asked = asked_label(row.verdicts)
    if not asked:
        return
    mark = visitor.marks.get(image.id)
    thumb, name = f"thumb-{image.id[:12]}-{asked}", f"label-{image.id[:12]}-{asked}"

    def keep_mark() -> None:
        thumbs = st.session_state.get(thumb)
        label = str(st.session_state.get(name) or "").strip()[:MAX_NAME_LENGTH]
        if thumbs is None:
            visitor.marks.pop(image.id, None)
        else:
            visitor.marks[image.id] = Mark(asked, asked if thumbs == 1 else label)

    known = None if mark is None else int(mark.label == asked)
    with st.container(key="feedback", horizontal=True, vertical_alignment="center"):
        st.markdown(escape_markdown(texts("is_it", label=asked)), width="content")
        st.feedback("thumbs", key=thumb, default=known, on_change=keep_mark)
        if st.session_state.get(thumb, known) == 0:
            others = _other_labels(image, asked, visitor, options)
            label = mark.label if mark else ""
            if label and label not in others:
                others.append(label)
            st.selectbox(
                texts("it_is"),
                others,
                index=others.index(label) if label else None,
                key=name,
                placeholder=texts("it_is"),
                accept_new_options=True,
                on_change=keep_mark,
                label_visibility="collapsed",
                width=260,
            )


def _other_labels(image: Image, asked: str, visitor: VisitorState, options: ViewOptions) -> list[str]:
    """The labels that the models gave, best first, without the one that is wrong."""
    jobs = visitor.jobs.jobs()
    keys: list[Key] = [(model, image.id) for model in options.models]
    scores: dict[str, float] = {}
    for key in keys:
        job = jobs.get(key)
        for one in job.response.predictions if job and job.response else ():
            scores[one.label] = max(one.score, scores.get(one.label, one.score))
    return sorted((label for label in scores if label != asked), key=lambda label: -scores[label])
