"""Evaluate an artifact on labelled images, through the path that serves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as ops

from services.artifact import ScoreFunction
from services.catalog import entry as catalog_entry
from services.catalog.labelled_images import LabelledImage
from services.classifier.predictions import SCORES
from services.export.checks.difference import Scores
from services.export.checks.evaluation import LEAST_PREDICTIONS, Numbers, cross_fitted, evaluated, fitted_temperature
from services.export.checks.served_scores import ServedScores
from services.export.errors import Disagreement, ExportError


def measured_evaluation(
    model: str,
    wanted: catalog_entry.Evaluation,
    served: ServedScores,
    images: Sequence[LabelledImage],
    function: ScoreFunction,
) -> dict[str, Any]:
    """The evaluation, for the receipt; if the entry says `calibrate`, of scores at temperatures fitted on other images.

    Raises Disagreement if the accuracy is too low, and ExportError if the model or its images do not suit.
    """
    if len(served.labels) == 1:
        raise ExportError(f"{model}: an evaluation needs at least two labels")
    if wanted.calibrate and function != "softmax":
        raise ExportError(f"{model}: `calibrate` is for `scores: softmax`, not {function}")
    if wanted.calibrate and len(images) < LEAST_PREDICTIONS:
        raise ExportError(
            f"{model}: `calibrate` needs at least {LEAST_PREDICTIONS} images, better some hundred; {wanted.images} has"
            f" {len(images)}"
        )
    truth = _truth(model, images, served.labels)
    outputs = served([image.path for image in images], "none")
    found = evaluated(_scores(outputs, function), truth, served.labels)
    result = {"source": wanted.images} | found.as_dict()
    if function == "softmax":
        result["temperature"] = fitted_temperature(outputs, truth)
        if wanted.calibrate:
            calibrated = evaluated(_scores(cross_fitted(outputs, truth), function), truth, served.labels).as_dict()
            result |= calibrated | {"calibrated": True, "calibration_error_before": found.calibration_error}
    if found.top1 < wanted.least_top1:
        pairs = ", ".join(f"{pair['label']} taken for {pair['predicted']}" for pair in found.confusions[:3])
        raise Disagreement(
            f"{model}: its accuracy is {found.top1:.1%} on {found.images} images of {wanted.images}; `least_top1` is"
            f" {wanted.least_top1:.1%}. Most frequent: {pairs}. Nothing was written."
        )
    return result


def with_temperature(model: ov.Model, temperature: float) -> ov.Model:
    """The network with its outputs divided by the temperature."""
    logits = model.output(0).get_node().input_value(0)
    divided = ops.divide(logits, np.float32(temperature))
    divided.set_friendly_name("Divide_temperature")
    return ov.Model([ops.result(divided)], model.get_parameters(), model.get_friendly_name())


def _truth(model: str, images: Sequence[LabelledImage], labels: tuple[str, ...]) -> Numbers:
    position = {label: number for number, label in enumerate(labels)}
    if unknown := sorted({image.label for image in images} - position.keys()):
        raise ExportError(
            f"{model}: {len(unknown)} of the evaluation's labels are not labels of the model, such as {unknown[0]!r}"
        )
    return np.array([position[image.label] for image in images])


def _scores(outputs: Scores, function: ScoreFunction) -> Scores:
    return np.stack([SCORES[function](one) for one in outputs])
