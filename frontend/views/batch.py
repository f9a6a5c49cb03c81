"""The predictions for several images: progress, summary, a table, and downloads."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from frontend import components
from frontend.api.jobs import Job, Key
from frontend.results.agreement import sentence, short
from frontend.results.comparison import Row, Summary, summary, table
from frontend.results.export import as_csv, as_json
from frontend.results.folders import confusions, folder_scores
from frontend.state.visitor_state import VisitorState
from frontend.views import markup
from frontend.views.inputs import ViewOptions
from frontend.views.markup import escape_markdown
from frontend.views.messages import error_message
from frontend.views.share import show_copies, show_marks

TABLE_TEXTS = (
    "table_title", "filter", "only", "only_all", "only_differ", "only_unsure", "only_failed", "column_image",
    "column_agree", "pending", "failed", "cancelled", "unsure", "no_label_applies",
)  # fmt: skip


def show_batch(visitor: VisitorState, options: ViewOptions) -> None:
    """Draw the current state of all images' jobs."""
    ids = {image.id for image in visitor.images}
    jobs = {key: job for key, job in visitor.jobs.jobs().items() if key[0] in options.models and key[1] in ids}
    rows = table(visitor.images, options.chosen, jobs, options.thresholds)
    counts = summary(rows, jobs.values())
    _show_progress(counts, visitor, options)
    _show_summary(counts, options)

    components.results_table()(
        key="table",
        data=components.as_data(table_data(rows, visitor, options)),
        on_opened_change=lambda: visitor.open(getattr(st.session_state.get("table"), "opened", None)),
    )
    _show_folders(rows, options)
    _show_downloads(rows, jobs, visitor, options)


def _show_progress(counts: Summary, visitor: VisitorState, options: ViewOptions) -> None:
    texts = options.texts
    finished = counts.total - counts.pending - counts.cancelled
    with st.container(horizontal=True, vertical_alignment="center", key="progress"):
        share = finished / counts.total if counts.total else 0.0
        st.progress(share, texts("progress", done=finished, total=counts.total))
        if counts.pending:
            st.button(texts("cancel"), key="cancel", icon=":material/stop:", on_click=visitor.jobs.cancel)
        elif counts.cancelled or counts.retryable:
            label = texts("resume" if counts.cancelled else "retry")
            st.button(label, key="resume", icon=":material/play_arrow:", on_click=visitor.jobs.retry)


def _show_summary(counts: Summary, options: ViewOptions) -> None:
    texts = options.texts
    metrics = []
    if counts.compared:
        agreed = texts("sum_agreement_of", agreed=counts.agreed, compared=counts.compared)
        metrics.append((texts("sum_agreement"), agreed))
    metrics.append((texts("sum_unsure"), str(counts.unsure)))
    if counts.failed:
        metrics.append((texts("sum_failed"), str(counts.failed)))
    metrics += [
        (texts("sum_median", model=escape_markdown(options.titles[model])), texts.duration(value))
        for model, value in counts.median.items()
    ]
    if counts.rate:
        metrics.append((texts("sum_rate"), texts.number(counts.rate)))
    with st.container(horizontal=True, key="summary"):
        for label, value in metrics:
            st.metric(label, value, width="content")


def _show_folders(rows: list[Row], options: ViewOptions) -> None:
    texts = options.texts
    if scores := folder_scores(rows):
        with st.expander(texts("folders")):
            st.html(markup.folder_table(scores, options.titles, texts))
            for model, folder, label, count in confusions(rows):
                line = texts("confusion", model=options.titles[model], folder=folder, label=label, count=count)
                st.caption(escape_markdown(line))


def _show_downloads(rows: list[Row], jobs: Mapping[Key, Job], visitor: VisitorState, options: ViewOptions) -> None:
    texts = options.texts
    with st.container(horizontal=True, key="downloads"):
        st.download_button(
            texts("download_csv"),
            lambda: as_csv(rows, jobs, options.top, visitor.marks),
            "guichet.csv",
            "text/csv",
            key="csv",
            on_click="ignore",
        )
        st.download_button(
            texts("download_json"),
            lambda: as_json(rows, jobs, visitor.marks),
            "guichet.json",
            "application/json",
            key="json",
            on_click="ignore",
        )
        show_marks(visitor, options, "labels")
    show_copies(None, jobs, visitor, options)


def table_data(rows: list[Row], visitor: VisitorState, options: ViewOptions) -> dict[str, object]:
    """The data of the results table component."""
    texts = options.texts
    return {
        "models": [{"name": model, "title": options.titles[model]} for model in options.models],
        "rows": [_row_data(row, visitor, options) for row in rows],
        "opened": visitor.opened,
        "texts": {key: texts(key) for key in TABLE_TEXTS}
        | {
            "sort_by": texts("sort_by", column="{column}"),
            "open_image": texts("open_image", name="{name}"),
            "rows_shown": texts("rows_shown", shown="{shown}", total="{total}"),
        },
    }


def _row_data(row: Row, visitor: VisitorState, options: ViewOptions) -> dict[str, object]:
    texts, found = options.texts, row.agreement
    faults = [each.error for each in row.verdicts.values() if each.error and each.error.image_fault]
    cells = {
        model: {
            "state": each.state,
            "label": each.label,
            "score": each.score,
            "sure": each.sure,
            "percent": texts.score(each.score, options.known[model].scores),
            "time": texts.duration(each.milliseconds),
            "detail": error_message(each.error, texts) if each.error and not each.error.image_fault else "",
        }
        for model, each in row.verdicts.items()
    }
    return {
        "id": row.image.id,
        "name": row.image.name,
        "preview": row.image.preview,
        "handle": row.image.handle,
        "kept": visitor.path_of(row.image),
        "fault": error_message(faults[0], texts) if faults else "",
        "agree": short(found, texts),
        "sentence": sentence(found, texts),
        # For sorting: disagreement first, then what is incomplete, then agreement.
        "order": {"no": 0, "most": 1, "all": 3}.get(found.kind, 2) if found.chosen > 1 else -1,
        "cells": cells,
    }
