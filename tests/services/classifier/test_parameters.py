"""The parameters in the query and in JSON, and their defaults. Case 46 of the hostile inputs."""

from __future__ import annotations

from typing import Any

import pytest

from services.artifact import ScoreFunction
from services.classifier.parameters import FUNCTIONS, Parameters
from services.problems import Problem
from tests.services.classifier.parsed_requests import BASE64, IMAGE, LABELS, parsed, parsed_json


@pytest.mark.parametrize(
    ("sent", "top_k"),
    [
        ({}, 5),
        ({"top_k": "1"}, 1),
        ({"top_k": "1000"}, 1000),
        ({"top_k": "1001"}, 1000),
        ({"key": "k"}, 5),
        ({"top_k": "3", "api_key": "k"}, 3),
    ],
)
def test_top_k_may_be_in_the_query(sent: dict[str, str], top_k: int) -> None:
    assert parsed("image/png", IMAGE, sent).parameters == Parameters(top_k)


@pytest.mark.parametrize(
    "sent",
    [
        *({"top_k": value} for value in ("0", "-1", "1.5", "", " 5", "+5", "1e2", "٥", "0x5", "9" * 5000, "five")),
        {"top_k": ["1", "2"]},
        {"topk": "5"},
        *({"function_to_apply": value} for value in ("", "Softmax", "softmax ", "relu")),
        {"function_to_apply": ["softmax", "softmax"]},
        {"__class__": "x"},
    ],
    ids=str,
)
def test_an_invalid_query_parameter_is_named(sent: dict[str, Any]) -> None:
    with pytest.raises(Problem) as raised:
        parsed("image/png", IMAGE, sent)
    assert raised.value.code == "parameter_invalid"
    assert raised.value.detail.startswith(f"`{next(iter(sent))}` ")


@pytest.mark.parametrize("value", [0, -1, 1.5, "5", 1e9, True, False, [], {}, -(10**30)])
def test_an_invalid_top_k_in_json_is_named(value: Any) -> None:
    with pytest.raises(Problem) as raised:
        parsed_json({"inputs": BASE64, "parameters": {"top_k": value}})
    assert (raised.value.status, raised.value.code) == (400, "parameter_invalid")
    assert raised.value.detail == "`top_k` should be one whole number, at least 1."


@pytest.mark.parametrize("value", ["", "Softmax", "softmax ", 0, False, [], {}, ["softmax"], {"a": 1}])
def test_an_unknown_function_is_refused(value: Any) -> None:
    with pytest.raises(Problem) as raised:
        parsed_json({"inputs": BASE64, "parameters": {"function_to_apply": value}})
    assert raised.value.code == "parameter_invalid"
    assert raised.value.detail == "`function_to_apply` should be one of softmax, sigmoid, none."


@pytest.mark.parametrize("parameters", [5, "x", [], True, {"top_n": 1}, {"": 1}, {"<script>": 1}])
def test_invalid_parameters_are_refused(parameters: Any) -> None:
    with pytest.raises(Problem) as raised:
        parsed_json({"inputs": BASE64, "parameters": parameters})
    assert raised.value.code == "parameter_invalid"
    assert "<" not in raised.value.detail


@pytest.mark.parametrize("scores", FUNCTIONS)
@pytest.mark.parametrize("parameters", [None, {}, {"top_k": None}, {"function_to_apply": None}])
def test_empty_parameters_leave_the_models_defaults(parameters: Any, scores: ScoreFunction) -> None:
    document = {"inputs": BASE64, "parameters": parameters}
    assert parsed_json(document, scores=scores).parameters == Parameters(5, scores)
    assert parsed("image/png", IMAGE, scores=scores).parameters == Parameters(5, scores)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_query_overrides_the_models_function(function: ScoreFunction) -> None:
    sent = {"function_to_apply": function}
    assert parsed("image/png", IMAGE, sent, scores="sigmoid").parameters == Parameters(5, function)
    assert parsed_json({"url": "http://a.example/"}, sent, scores="sigmoid").parameters == Parameters(5, function)


def test_parameters_in_the_body_override_the_query() -> None:
    query = {"top_k": "3", "function_to_apply": "sigmoid"}
    document = {"inputs": BASE64, "parameters": {"top_k": 2}}
    assert parsed_json(document, query).parameters == Parameters(2, "sigmoid")
    document = {"inputs": BASE64, "parameters": {"function_to_apply": "none"}}
    assert parsed_json(document, query).parameters == Parameters(3, "none")
    assert parsed_json({"inputs": BASE64}, query).parameters == Parameters(3, "sigmoid")


def test_a_model_with_few_labels_returns_them_all() -> None:
    assert parsed("", IMAGE, labels=3).parameters.top_k == 3
    assert parsed("", IMAGE, {"top_k": "10"}, labels=3).parameters.top_k == 3


@pytest.mark.parametrize("top_k", [1001, 10**30])
def test_a_top_k_in_json_beyond_the_labels_gives_them_all(top_k: int) -> None:
    assert parsed_json({"inputs": BASE64, "parameters": {"top_k": top_k}}).parameters.top_k == LABELS
