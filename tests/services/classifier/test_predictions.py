from __future__ import annotations

import json

import numpy as np
import pytest

from services.classifier.predictions import JsonWriter, best_labels, sigmoid, softmax


@pytest.mark.parametrize(
    ("scores", "top_k", "expected"),
    [
        pytest.param([0.1, 0.7, 0.2], 2, [1, 2], id="best-first"),
        pytest.param([0.1, 0.7, 0.2], 3, [1, 2, 0], id="all"),
        pytest.param([0.2, 0.4, 0.2, 0.2], 3, [1, 0, 2], id="equal-scores-in-label-order"),
        pytest.param([0.5] * 5, 2, [0, 1], id="all-equal"),
        pytest.param([1.0], 1, [0], id="one-label"),
    ],
)
def test_the_best_labels_come_first(scores: list[float], top_k: int, expected: list[int]) -> None:
    assert [number for number, _ in best_labels(np.array(scores, np.float32), top_k)] == expected


def test_softmax_adds_up_to_one_and_sigmoid_scores_each_logit_by_itself() -> None:
    logits = np.array([0, 3, -2, 80], np.float32)
    assert softmax(logits).sum() == pytest.approx(1)
    assert sigmoid(logits) == pytest.approx([0.5, 0.952574, 0.119203, 1], abs=1e-6)
    assert sigmoid(np.array([-1e4], np.float32)) == [0]


LABELS = ("tabby", 'a "quoted" \\ label', "füße\u2028\x00")


def test_predictions_are_written_as_json_with_six_decimal_places() -> None:
    best = [(2, 0.12345678), (0, 1e-7), (1, 1.0)]
    expected = [
        {"label": LABELS[2], "score": 0.123457},
        {"label": LABELS[0], "score": 0.0},
        {"label": LABELS[1], "score": 1.0},
    ]
    written = JsonWriter(LABELS).predictions(best)
    assert written == json.dumps(expected).encode()
    assert JsonWriter(LABELS).predictions([]) == b"[]"


@pytest.mark.parametrize("score", [0.0, -1.2345678e-5, float(np.finfo(np.float32).min), 0.1])
def test_no_result_is_longer_than_most_bytes(score: float) -> None:
    writer = JsonWriter(LABELS)
    assert len(writer.predictions((number, score) for number in range(3))) <= writer.most_bytes
