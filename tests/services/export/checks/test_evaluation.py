from __future__ import annotations

import numpy as np
import pytest

from services.export.checks.evaluation import (
    calibration_error,
    confusions,
    cross_fitted,
    evaluated,
    fitted_temperature,
    label_table,
    sure_from,
)

LABELS = ("ant", "bee", "cat")


def test_the_table_has_recall_and_precision_of_each_label_with_images() -> None:
    truth, predicted = np.array([0, 0, 0, 1]), np.array([0, 1, 2, 1])
    assert label_table(predicted, truth, LABELS) == [
        {"label": "ant", "images": 3, "recall": 0.3333, "precision": 1.0},
        {"label": "bee", "images": 1, "recall": 1.0, "precision": 0.5},
    ]


def test_the_most_frequent_confusions_come_first() -> None:
    truth, predicted = np.array([0, 1, 1, 2, 2]), np.array([1, 2, 2, 2, 2])
    assert confusions(predicted, truth, LABELS) == [
        {"label": "bee", "predicted": "cat", "images": 2},
        {"label": "ant", "predicted": "bee", "images": 1},
    ]
    assert confusions(truth, truth, LABELS) == []


@pytest.mark.parametrize(
    ("score", "right", "error"),
    [
        pytest.param(1.0, [True] * 10, 0.0, id="right-and-certain"),
        pytest.param(0.9, [True] * 9 + [False], 0.0, id="as-often-right-as-it-says"),
        pytest.param(0.9, [True] * 5 + [False] * 5, 0.4, id="too-certain"),
        pytest.param(0.0, [False] * 10, 0.0, id="lowest-bin"),
    ],
)
def test_the_calibration_error_is_the_distance_of_score_and_accuracy(
    score: float, right: list[bool], error: float
) -> None:
    assert calibration_error(np.full(10, score), np.array(right)) == pytest.approx(error)


def test_95_of_100_predictions_from_the_bound_on_were_right() -> None:
    best = np.linspace(1, 0.01, 100)
    right = np.array([True] * 57 + [False] * 43)
    bound = sure_from(best, right)
    assert bound is not None
    assert right[best >= bound].mean() == 0.95
    assert (best >= bound).sum() == 60


def test_equal_scores_are_all_above_the_bound_or_none() -> None:
    right = np.array([True] * 20 + [False] * 10)
    assert sure_from(np.full(30, 0.5), right) is None
    assert sure_from(np.full(30, 0.5), np.full(30, True)) == 0.5


def test_few_predictions_give_no_bound() -> None:
    assert sure_from(np.full(19, 0.5), np.full(19, True)) is None


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_the_temperature_restores_the_scale_of_logits(factor: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (5000, 3))
    powers = np.exp(logits)
    truth = np.array([random.choice(3, p=row) for row in powers / powers.sum(axis=1, keepdims=True)])
    assert fitted_temperature(factor * logits, truth) == pytest.approx(factor, rel=0.1)


def test_no_image_is_divided_by_a_temperature_that_was_fitted_on_it() -> None:
    random = np.random.default_rng(0)
    logits, truth = random.normal(0, 2, (40, 3)), random.integers(0, 3, 40)
    divided = cross_fitted(logits, truth)
    for part in (0, 1):
        other = fitted_temperature(logits[1 - part :: 2], truth[1 - part :: 2])
        np.testing.assert_allclose(divided[part::2], logits[part::2] / other)


def test_an_evaluation_counts_the_images() -> None:
    found = evaluated(np.eye(3), np.array([0, 1, 1]), LABELS)
    assert (found.images, found.top1, found.sure_from) == (3, 0.6667, None)
