"""Rules on quotas."""

from typing import Any

import pytest

from gateway.diagnostics import Place
from gateway.rules import Rule, quota
from tests.gateway.documents import GET, with_quota
from tests.gateway.rules.verdicts import assert_error, assert_warning

ERRORS = [
    pytest.param(
        quota.metric_costs_are_valid,
        with_quota({"n": 1}),
        (*GET, "x-google-quota", "metricCosts", "n"),
        id="metric-not-defined",
    ),
    pytest.param(
        quota.metric_costs_are_valid,
        with_quota({"m": 0}),
        (*GET, "x-google-quota", "metricCosts", "m"),
        id="cost-of-zero",
    ),
    pytest.param(quota.metric_costs_are_valid, with_quota({}), (*GET, "x-google-quota"), id="no-costs"),
    pytest.param(
        quota.metrics_have_unique_names,
        with_quota(metrics=[{"name": "m"}, {"name": "m"}]),
        ("x-google-management", "metrics", 1),
        id="metric-twice",
    ),
    pytest.param(
        quota.metrics_have_unique_names,
        with_quota(metrics=[{"name": "m"}, {}]),
        ("x-google-management", "metrics", 1),
        id="metric-without-name",
    ),
    pytest.param(
        quota.limits_are_valid,
        with_quota(metric="n"),
        ("x-google-management", "quota", "limits", 0),
        id="limit-of-another-metric",
    ),
    pytest.param(
        quota.limits_are_valid,
        with_quota(unit="1/d/{project}"),
        ("x-google-management", "quota", "limits", 0),
        id="limit-per-day",
    ),
    pytest.param(
        quota.limits_are_valid,
        with_quota(values={}),
        ("x-google-management", "quota", "limits", 0),
        id="limit-without-value",
    ),
    pytest.param(
        quota.limits_are_valid,
        with_quota(values={"STANDARD": 0}),
        ("x-google-management", "quota", "limits", 0),
        id="limit-of-zero",
    ),
]
WARNINGS = [
    pytest.param(
        quota.metric_costs_are_valid,
        with_quota(security=[]),
        (*GET, "x-google-quota"),
        id="quota-without-a-key",
    ),
    pytest.param(
        quota.metric_costs_are_valid,
        with_quota({"n": 1}, metrics=[{"name": "m"}, {"name": "n"}]),
        (*GET, "x-google-quota", "metricCosts", "n"),
        id="metric-without-limit",
    ),
]


@pytest.mark.parametrize(("rule", "document", "place"), ERRORS)
def test_a_mistake_is_an_error(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_error(rule, document, place)


@pytest.mark.parametrize(("rule", "document", "place"), WARNINGS)
def test_a_doubtful_value_is_a_warning(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_warning(rule, document, place)
