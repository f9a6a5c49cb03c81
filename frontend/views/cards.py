"""The predictions for one image: a card per model, and whether the models agree."""

from __future__ import annotations

import time
from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend import components
from frontend.api.errors import GatewayError
from frontend.api.jobs import Job
from frontend.images.image import Image
from frontend.results.agreement import Agreement, agreement, notes, sentence
from frontend.results.verdict import verdict
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
        self._fault_place = st.empty()
        self._fault: GatewayError | None = None
        self._show_fault()
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
        self._show_fault()
        if (row := _agreement_row(self._jobs, self._options)) and row != self._agreement:
            self._agreement = row
            self._agreement_place.html(row)

    def announce(self) -> None:
        """Tell screen readers the results. Call it once, at the end of a run."""
        texts, lines = self._options.texts, []
        for model, job in self._jobs.items():
            title = self._options.titles[model]
            if job.response:
                lines.append(announcement(job, self._options))
            elif job.error:
                lines.append(texts("announce_failed", model=title, reason=error_message(job.error, texts)))
        if said := sentence(_agreement(self._jobs, self._options), texts):
            lines.insert(0, said)
        components.announcer()(key="announcer", data=components.as_data({"text": ". ".join(lines)}))

    def _show_result(self, job: Job) -> None:
        st.html(_body(job, self._options))
        if job.error is not None and not job.error.image_fault:
            show_error(job.error, self._options.texts)
        if job.error is not None and job.error.retryable:
            retry = self._visitor.jobs.retry
            st.button(self._options.texts("retry"), key=f"again-{job.model}", on_click=retry, args=[[job.model]])
        show_details(job, self._image, self._options)

    def _show_fault(self) -> None:
        """What is wrong with the image, once for all models."""
        fault = next((job.error for job in self._jobs.values() if job.error and job.error.image_fault), None)
        if fault is not self._fault and fault is not None:
            with self._fault_place.container():
                show_error(fault, self._options.texts)
        self._fault = fault


def jobs_of(image: Image, options: ViewOptions, visitor: VisitorState) -> dict[str, Job]:
    """The image's jobs for the chosen models, by model."""
    jobs = visitor.jobs.jobs()
    return {model: jobs[model, image.id] for model in options.models if (model, image.id) in jobs}


def status_by_model(jobs: Mapping[str, Job], options: ViewOptions) -> dict[str, str]:
    """Each job's status as shown. A card is drawn again only if it changes."""
    return {model: _pending_message(job, options) if job.pending else job.state for model, job in jobs.items()}


def _body(job: Job, options: ViewOptions) -> str:
    texts, title = options.texts, options.titles[job.model]
    model = options.known[job.model]
    if job.response is not None:
        head = markup.card_head(title, readiness_note(job.wake_seconds, job.response.timings, texts))
        return head + markup.predictions(job.response, model, options.top, options.thresholds, texts)
    head = markup.card_head(title)
    if job.error is not None:
        return head + (markup.waiting(texts("image_refused")) if job.error.image_fault else "")
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


def announcement(job: Job, options: ViewOptions) -> str:
    """A model's verdict for screen readers."""
    texts, model = options.texts, options.known[job.model]
    said = verdict(job, model, options.thresholds)
    if not said.labels:
        return texts("finds_nothing", model=model.title)
    score = texts.score(said.score, model.scores)
    return texts("announce" if said.sure else "announce_unsure", model=model.title, label=said.label, score=score)


def _agreement(jobs: Mapping[str, Job], options: ViewOptions) -> Agreement:
    return agreement({model.name: verdict(jobs.get(model.name), model, options.thresholds) for model in options.chosen})


def _agreement_row(jobs: Mapping[str, Job], options: ViewOptions) -> str:
    found = _agreement(jobs, options)
    if any(job.error and job.error.image_fault for job in jobs.values()) and not found.responded:
        return ""
    said = sentence(found, options.texts)
    return markup.agreement_row(found, said, notes(found, options.known, options.texts)) if said else ""
