"""What one model says about one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from frontend.api.client import Model
from frontend.api.errors import GatewayError
from frontend.api.jobs import Job


@dataclass(frozen=True)
class Thresholds:
    """`sure`: the score from which a softmax model is sure; `measured`: those of evaluated models, by name. `applies`:
    the score from which a sigmoid model's label applies.
    """

    sure: float = 0.3
    applies: float = 0.5
    measured: Mapping[str, float] = field(default_factory=dict)

    def sure_from(self, model: Model) -> float:
        """The best score from which the model is sure."""
        return self.measured.get(model.name, self.sure)

    def is_sure(self, model: Model, score: float) -> bool:
        """Whether a model's best score shows that it is sure; only softmax models can be unsure."""
        return model.scores != "softmax" or score >= self.sure_from(model)


@dataclass(frozen=True)
class Verdict:
    """A model's labels for an image, or why there are none.

    `labels` is the best label of a softmax model and every label that applies of a sigmoid model, best first. `score`
    is that of the best label, `sure` whether it reaches the threshold; only softmax models can be unsure.
    """

    state: Literal["pending", "done", "failed", "cancelled"]
    labels: tuple[str, ...] = ()
    score: float = 0.0
    sure: bool = True
    milliseconds: float = 0.0
    error: GatewayError | None = None
    request_id: str = ""

    @property
    def label(self) -> str:
        return ", ".join(self.labels)

    @property
    def code(self) -> str:
        return self.error.code if self.error else ""


def verdict(job: Job | None, model: Model, thresholds: Thresholds) -> Verdict:
    """The verdict of a job; a model without a job is pending."""
    if job is None or job.pending:
        return Verdict("pending")
    if job.response is not None and job.response.predictions:
        response = job.response
        best = response.predictions[0]
        labels: tuple[str, ...] = (best.label,)
        if model.scores == "sigmoid":
            labels = tuple(one.label for one in response.predictions if one.score >= thresholds.applies)
        return Verdict(
            "done",
            labels,
            best.score,
            sure=thresholds.is_sure(model, best.score),
            milliseconds=response.timings.total,
            request_id=response.request_id,
        )
    if job.error is not None:
        return Verdict("failed", error=job.error, request_id=job.error.request_id)
    return Verdict("cancelled" if job.state == "cancelled" else "failed")
