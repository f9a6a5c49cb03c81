"""Rules on quotas."""

import pytest

from gateway.rules.quota import limits_are_valid, metric_costs_are_valid, metrics_have_unique_names
from tests.gateway.documents import GET, with_quota
from tests.gateway.rules.verdicts import Row, assert_error, assert_warning

ERRORS: dict[str, Row] = {
    "metric-not-defined": (metric_costs_are_valid, with_quota({"n": 1}), (*GET, "x-google-quota", "metricCosts", "n")),
    "cost-below-zero": (metric_costs_are_valid, with_quota({"m": -1}), (*GET, "x-google-quota", "metricCosts", "m")),
    "no-costs": (metric_costs_are_valid, with_quota({}), (*GET, "x-google-quota")),
    "metric-twice": (
        metrics_have_unique_names,
        with_quota(metrics=[{"name": "m"}, {"name": "m"}]),
        ("x-google-management", "metrics", 1),
    ),
    "metric-without-name": (
        metrics_have_unique_names,
        with_quota(metrics=[{"name": "m"}, {}]),
        ("x-google-management", "metrics", 1),
    ),
    "limit-of-another-metric": (
        limits_are_valid,
        with_quota(metric="n"),
        ("x-google-management", "quota", "limits", 0),
    ),
    "limit-per-day": (
        limits_are_valid,
        with_quota(unit="1/d/{project}"),
        ("x-google-management", "quota", "limits", 0),
    ),
    "limit-without-value": (limits_are_valid, with_quota(values={}), ("x-google-management", "quota", "limits", 0)),
    "limit-of-zero": (
        limits_are_valid,
        with_quota(values={"STANDARD": 0}),
        ("x-google-management", "quota", "limits", 0),
    ),
}
WARNINGS: dict[str, Row] = {
    "cost-of-zero": (metric_costs_are_valid, with_quota({"m": 0}), (*GET, "x-google-quota", "metricCosts", "m")),
    "quota-without-a-key": (metric_costs_are_valid, with_quota(security=[]), (*GET, "x-google-quota")),
    "metric-without-limit": (
        metric_costs_are_valid,
        with_quota({"n": 1}, metrics=[{"name": "m"}, {"name": "n"}]),
        (*GET, "x-google-quota", "metricCosts", "n"),
    ),
}


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error(row: Row) -> None:
    assert_error(*row)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_a_doubtful_value_is_a_warning(row: Row) -> None:
    assert_warning(*row)
