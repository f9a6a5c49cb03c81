"""Predictions by the model's own function, and by the one that a request names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as ops

from services.artifact import Receipt, ScoreFunction
from services.classifier.engine import RANKED
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.pipeline import Network, Pipeline
from services.classifier.predictions import SCORES
from services.preprocess import Preprocess

PREPROCESS = Preprocess(1, 1, "bilinear", (0, 0, 0), (1, 1, 1))


def pipeline(folder: Path, labels: int, scores: ScoreFunction) -> Pipeline:
    """A model whose first three outputs are the values of the image's only pixel, divided by 64, minus 2."""
    pixels = ops.parameter([1, 1, 1, 3], np.uint8)
    values = ops.subtract(ops.divide(ops.convert(pixels, "f32"), np.float32(64)), np.float32(2))
    outputs = ops.reshape(values, np.array([1, 3], np.int64), special_zero=False)
    if labels > 3:
        outputs = ops.concat([outputs, ops.constant(np.full((1, labels - 3), -3, np.float32))], 1)
    else:
        outputs = ops.slice(outputs, *(np.array([number], np.int64) for number in (0, labels, 1, 1)))
    ov.save_model(ov.Model([ops.result(outputs)], [pixels], "test"), folder / "model.xml", False)
    (folder / "labels.txt").write_text("".join(f"label {number}\n" for number in range(labels)))
    receipt = Receipt("own", "Own", "", {}, "", PREPROCESS, "fp16", labels, {}, {}, {}, scores=scores)
    return Pipeline(lambda data: np.frombuffer(data, np.uint8).reshape(1, 1, 3), Network.load(folder, receipt))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("scores", FUNCTIONS)
@pytest.mark.parametrize("labels", [1, 2, 9, 21_841])
def test_the_scores_are_those_of_the_function_whatever_the_models_default(
    tmp_path: Path, labels: int, scores: ScoreFunction, function: ScoreFunction
) -> None:
    model = pipeline(tmp_path, labels, scores)
    outputs = np.array([*np.array([64, 128, 224]) / 64 - 2, *[-3] * labels][:labels], np.float32)
    expected = SCORES[function](outputs)
    for top_k in {1, min(labels, RANKED), labels}:
        found = json.loads(model.predict(bytes([64, 128, 224]), Parameters(top_k, function)).body)
        best = sorted(range(labels), key=lambda number: -outputs[number])[:top_k]
        assert [row["label"] for row in found] == [f"label {number}" for number in best]
        assert [row["score"] for row in found] == pytest.approx([expected[number] for number in best], abs=2e-6)
