"""The predictions for one image: a card per model, and whether the models agree."""

from __future__ import annotations

import time
from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend import components
from frontend.api.jobs import Job
from frontend.images.image import Image
from frontend.results.comparison import agreement
from frontend.state.streamlit_state import shared_state
from frontend.state.visitor_state import VisitorState
from frontend.views import markup
from frontend.views.inputs import ViewOptions
from frontend.views.messages import error_message, pending_message, readiness_note, show_error, waking_message
from frontend.views.model_details import show_details

# A model that is ready says so within these seconds; only after them is it shown as starting.
READY_WITHIN = 0.4


class Cards:
    """The cards of one image, drawn at once and updated in place."""

    def __init__(self, image: Image, options: ViewOptions, visitor: VisitorState) -> None:
        self._image, self._options, self._visitor = image, options, visitor
        self._jobs = jobs_of(image, options, visitor)
        self.shown = status_by_model(self._jobs, options)
        self._agreement = _agreement_row(self._jobs, options)
        # A placeholder even while empty: if the elements below moved, Streamlit would create them anew.
        with st.container(key=f"agreement-{image.id[:8]}"):
            self._agreement_place = st.html(self._agreement) if self._agreement else st.empty()
        self._places: dict[str, DeltaGenerator] = {}
        with st.grid(min_column_width=240, gap="small"):
            for model, job in self._jobs.items():
                with st.container(border=True, key=f"card-{model}"):
                    if job.pending:
                        self._places[model] = st.html(_body(job, options))
                    else:
                        with st.container():
                            self._show_result(job)

    @property
    def pending(self) -> bool:
        """Whether a prediction is still to come."""
        return any(job.pending for job in self._jobs.values())

    def update(self) -> None:
        """Draw what has changed."""
        self._jobs = jobs_of(self._image, self._options, self._visitor)
        before, self.shown = self.shown, status_by_model(self._jobs, self._options)
        for model, job in self._jobs.items():
            if model not in self._places or self.shown[model] == before.get(model):
                continue
            if job.pending:
                self._places[model].html(_body(job, self._options))
            else:
                with self._places.pop(model).container():
                    self._show_result(job)
        if (row := _agreement_row(self._jobs, self._options)) and row != self._agreement:
            self._agreement = row
            self._agreement_place.html(row)

    def announce(self) -> None:
        """Tell screen readers the results. Call it once, at the end of a run."""
        texts, lines = self._options.texts, []
        for model, job in self._jobs.items():
            title = self._options.titles[model]
            if job.response and job.response.predictions:
                best = job.response.predictions[0]
                lines.append(texts("announce", model=title, label=best.label, score=texts.percent(best.score)))
            elif job.error:
                lines.append(texts("announce_failed", model=title, reason=error_message(job.error, texts)))
        components.announcer()(key="announcer", data=components.as_data({"text": ". ".join(lines)}))

    def _show_result(self, job: Job) -> None:
        st.html(_body(job, self._options))
        if job.error is not None:
            show_error(job.error, self._options.texts)
            retry = self._visitor.jobs.retry
            st.button(self._options.texts("retry"), key=f"again-{job.model}", on_click=retry, args=[[job.model]])
        show_details(job, self._image, self._options)


def jobs_of(image: Image, options: ViewOptions, visitor: VisitorState) -> dict[str, Job]:
    """The image's jobs for the chosen models, by model."""
    jobs = visitor.jobs.jobs()
    return {model: jobs[model, image.id] for model in options.models if (model, image.id) in jobs}


def status_by_model(jobs: Mapping[str, Job], options: ViewOptions) -> dict[str, str]:
    """Each job's status as shown. A card is drawn again only if it changes."""
    return {model: _pending_message(job, options) if job.pending else job.state for model, job in jobs.items()}


def _body(job: Job, options: ViewOptions) -> str:
    texts, title = options.texts, options.titles[job.model]
    if job.response is not None:
        head = markup.card_head(title, readiness_note(job.wake_seconds, job.response.timings, texts))
        return head + markup.predictions(job.response, options.top, options.threshold, texts)
    head = markup.card_head(title)
    if job.error is not None:
        return head
    if job.state == "cancelled":
        return head + markup.waiting(texts("cancelled"))
    bar = markup.waking_bar(*waking) if (waking := _waking(job)) else markup.INDETERMINATE_BAR
    return head + markup.waiting(_pending_message(job, options), bar)


def _pending_message(job: Job, options: ViewOptions) -> str:
    if waking := _waking(job):
        return waking_message(waking[1], options.texts)
    return pending_message(job.state, time.monotonic() - job.started_at, options.texts)


def _waking(job: Job) -> tuple[float, float | None] | None:
    """For how many seconds the model has been starting, and how many it usually takes; None if it is not starting."""
    readiness = shared_state().readiness
    known = readiness.state(job.model)
    elapsed = time.monotonic() - known.since
    if job.state == "waking" and known.state == "waking" and elapsed > READY_WITHIN:
        return elapsed, readiness.typical_seconds(job.model)
    return None


def _agreement_row(jobs: Mapping[str, Job], options: ViewOptions) -> str:
    best = {
        model: job.response.predictions[0].label
        for model, job in jobs.items()
        if job.response and job.response.predictions
    }
    pending = sum(job.pending for job in jobs.values())
    return markup.agreement_row(agreement(best), options.titles, pending, options.texts)
