"""The network's own ranking, on networks of one line whose logits the tests choose by pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset15 as ops

from services.artifact import ScoreFunction
from services.classifier.engine import RANKED, RankingEngine
from services.classifier.parameters import FUNCTIONS
from services.classifier.predictions import SCORES, best_labels

Expression = Callable[[ov.Node], ov.Node]


def quarter(values: ov.Node) -> ov.Node:
    return ops.divide(values, np.float32(4))


def logarithm(values: ov.Node) -> ov.Node:
    """NaN for 0, -inf for 1, finite from 2."""
    return ops.log(ops.subtract(values, np.float32(1)))


def huge(values: ov.Node) -> ov.Node:
    """Finite for every pixel, though two of the largest have an infinite sum."""
    return ops.multiply(values, np.float32(1.3e36))


def network(folder: Path, expression: Expression, labels: int, function: ScoreFunction = "softmax") -> RankingEngine:
    """One label per value of the image, which has a single row."""
    pixels = ops.parameter([1, 1, -(-labels // 3), 3], np.uint8)
    values = ops.reshape(ops.convert(pixels, "f32"), np.array([1, -1], np.int64), special_zero=False)
    values = ops.slice(
        values, np.array([0], np.int64), np.array([labels], np.int64), np.array([1], np.int64), np.array([1], np.int64)
    )
    ov.save_model(ov.Model([ops.result(expression(values))], [pixels], "test"), folder / "model.xml", False)
    return RankingEngine(folder / "model.xml", function)


def image(engine: RankingEngine, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.resize(values, (1, -(-len(engine.logits) // 3), 3))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("labels", [1, 2, 3, 12, 999, 21_841])
def test_the_ranking_is_the_same_as_from_the_logits(tmp_path: Path, labels: int, function: ScoreFunction) -> None:
    engine = network(tmp_path, quarter, labels, function)
    random = np.random.default_rng(labels)
    for _ in range(20):
        # 32 levels: most logits occur more than once.
        engine.infer(image(engine, random.integers(0, 32, labels, np.uint8)))
        top_k = min(RANKED, labels)
        ranked, expected = engine.best(top_k), best_labels(SCORES[function](engine.logits), top_k)
        assert ranked is not None
        numbers, scores = zip(*ranked, strict=True)
        assert numbers == tuple(number for number, _ in expected)
        assert scores == pytest.approx([score for _, score in expected], abs=1e-6)


def test_the_network_ranks_no_more_than_its_number_of_labels(tmp_path: Path) -> None:
    engine = network(tmp_path, quarter, 12)
    engine.infer(image(engine, np.arange(12, dtype=np.uint8)))
    assert engine.best(RANKED + 1) is None
    assert [number for number, _ in engine.best(2) or ()] == [11, 10]


@pytest.mark.parametrize("place", [0, 5, 11])
@pytest.mark.parametrize(
    ("pixel", "valid"), [pytest.param(0, False, id="nan"), pytest.param(1, False, id="inf"), pytest.param(2, True)]
)
def test_a_non_finite_logit_is_detected_at_any_index(tmp_path: Path, pixel: int, valid: bool, place: int) -> None:
    engine = network(tmp_path, logarithm, 12)
    values = np.full(12, 9, np.uint8)
    values[place] = pixel
    engine.infer(image(engine, values))
    assert engine.valid is valid


def test_finite_logits_with_an_infinite_sum_are_valid(tmp_path: Path) -> None:
    engine = network(tmp_path, huge, 12)
    engine.infer(image(engine, np.full(12, 255, np.uint8)))
    assert engine.logits.sum(dtype=np.float64) > np.finfo(np.float32).max
    assert engine.valid


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    engine = network(tmp_path, quarter, 12)
    with pytest.raises(ValueError, match="broadcast"):
        engine.infer(np.zeros((3, 3, 3), np.uint8))
