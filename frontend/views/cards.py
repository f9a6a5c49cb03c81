"""One picture's answers: a card per model, and whether the models agree."""

from __future__ import annotations

import time
from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend import components
from frontend.api.jobs import Job
from frontend.images.image import Picture
from frontend.results.comparison import agreement
from frontend.state.streamlit_state import office
from frontend.state.visitor_state import Visit
from frontend.views import markup
from frontend.views.inputs import Wishes
from frontend.views.model_details import show_details

# Sooner than this (s) a model that is asked whether it is awake says so; calling it asleep would be a lie.
PATIENCE = 0.4


class Cards:
    """The cards of one picture, drawn; what comes afterwards goes into the same places."""

    def __init__(self, picture: Picture, wishes: Wishes, here: Visit) -> None:
        self._picture, self._wishes, self._here = picture, wishes, here
        self._jobs = asked(picture, wishes, here)
        self.said = said(self._jobs, wishes)
        self._row = _row(self._jobs, wishes)
        # The place is there before there is a verdict: what stands below it must not move, or it is drawn anew.
        with st.container(key=f"agreement-{picture.id[:8]}"):
            self._row_place = st.html(self._row) if self._row else st.empty()
        self._places: dict[str, DeltaGenerator] = {}
        with st.grid(min_column_width=240, gap="small"):
            for model, job in self._jobs.items():
                with st.container(border=True, key=f"card-{model}"):
                    if job.pending:
                        self._places[model] = st.html(_body(job, wishes))
                    else:
                        with st.container():
                            self._settle(job)

    @property
    def pending(self) -> bool:
        """Whether an answer is still due."""
        return any(job.pending for job in self._jobs.values())

    def update(self) -> None:
        """Draws what has changed."""
        self._jobs = asked(self._picture, self._wishes, self._here)
        before, self.said = self.said, said(self._jobs, self._wishes)
        for model, job in self._jobs.items():
            if model not in self._places or self.said[model] == before.get(model):
                continue
            if job.pending:
                self._places[model].html(_body(job, self._wishes))
            else:
                with self._places.pop(model).container():
                    self._settle(job)
        if (row := _row(self._jobs, self._wishes)) and row != self._row:
            self._row = row
            self._row_place.html(row)

    def announce(self) -> None:
        """Tells a screen reader what has come; once in a run, at its end."""
        say, lines = self._wishes.say, []
        for model, job in self._jobs.items():
            title = self._wishes.titles[model]
            if job.answer and job.answer.predictions:
                best = job.answer.predictions[0]
                lines.append(say("announce", model=title, label=best.label, score=say.percent(best.score)))
            elif job.error:
                lines.append(say("announce_failed", model=title, reason=markup.reason(job.error, say)))
        components.voice()(key="voice", data=components.as_data({"text": ". ".join(lines)}))

    def _settle(self, job: Job) -> None:
        st.html(_body(job, self._wishes))
        if job.error is not None:
            st.button(
                self._wishes.say("again"),
                key=f"again-{job.model}",
                on_click=self._here.jobs.again,
                args=[[job.model]],
            )
        show_details(job, self._picture, self._wishes)


def asked(picture: Picture, wishes: Wishes, here: Visit) -> dict[str, Job]:
    """The jobs of the wished models about this picture, by model."""
    jobs = here.jobs.jobs()
    return {model: jobs[model, picture.id] for model in wishes.models if (model, picture.id) in jobs}


def said(jobs: Mapping[str, Job], wishes: Wishes) -> dict[str, str]:
    """What there is to say of each job, in short, by model: what is the same is not drawn again."""
    return {model: _waits_for(job, wishes) if job.pending else job.state for model, job in jobs.items()}


def _body(job: Job, wishes: Wishes) -> str:
    say, title = wishes.say, wishes.titles[job.model]
    if job.answer is not None:
        head = markup.card_head(title, markup.awake_words(job.woke, job.answer.timings, say))
        return head + markup.answer_body(job.answer, wishes.top, wishes.threshold, say)
    if job.error is not None:
        body = markup.error_body(job.error, say)
    elif job.state == "cancelled":
        body = markup.waiting_body(say("cancelled"))
    else:
        bar = markup.waking_bar(*waking) if (waking := _waking(job)) else markup.MOVING_BAR
        body = markup.waiting_body(_waits_for(job, wishes)) + bar
    return markup.card_head(title) + body


def _waits_for(job: Job, wishes: Wishes) -> str:
    """What a pending job waits for, in words."""
    if waking := _waking(job):
        return markup.waking_words(waking[1], wishes.say)
    return markup.waiting_words(job.state, time.monotonic() - job.asked_at, wishes.say)


def _waking(job: Job) -> tuple[float, float | None] | None:
    """How long (s) the model has been waking, and how long it usually takes; None where it is not known to be."""
    wakes = office().wakes
    known = wakes.state(job.model)
    elapsed = time.monotonic() - known.since
    if job.state == "waking" and known.state == "waking" and elapsed > PATIENCE:
        return elapsed, wakes.usual(job.model)
    return None


def _row(jobs: Mapping[str, Job], wishes: Wishes) -> str:
    best = {
        model: job.answer.predictions[0].label for model, job in jobs.items() if job.answer and job.answer.predictions
    }
    pending = sum(job.pending for job in jobs.values())
    return markup.agreement_row(agreement(best), wishes.titles, pending, wishes.say)
