"""Rules on quotas: `x-google-management` and `x-google-quota`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.operations import items, mapping, operations, security
from gateway.problems import Place, Problem

UNIT = "1/min/{project}"
MANAGEMENT: Place = ("x-google-management",)


def metrics_are_named(document: Mapping[str, Any]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, metric in enumerate(items(document, "x-google-management", "metrics")):
        place = (*MANAGEMENT, "metrics", index)
        name = mapping(metric).get("name")
        if not isinstance(name, str) or not name:
            yield Problem(place, "the metric has no name", "write `name: …`")
        elif name in seen:
            yield Problem(place, f"the metric {name!r} stands there twice", "keep one of the two")
        else:
            seen.add(name)


def limits_can_be_kept(document: Mapping[str, Any]) -> Iterator[Problem]:
    metrics = _metrics(document)
    names: set[str] = set()
    for index, limit in enumerate(items(document, "x-google-management", "quota", "limits")):
        place = (*MANAGEMENT, "quota", "limits", index)
        name, metric = mapping(limit).get("name"), mapping(limit).get("metric")
        if not isinstance(name, str) or not name:
            yield Problem(place, "the limit has no name", "write `name: …`")
        elif name in names:
            yield Problem(place, f"the limit {name!r} stands there twice", "keep one of the two")
        else:
            names.add(name)
        if metric not in metrics:
            yield Problem(place, f"limits the metric {metric!r}, which is not defined", "add it to `metrics`")
        unit = mapping(limit).get("unit")
        if unit != UNIT:
            yield Problem(place, f"{unit!r} is no unit that Google takes", f'write `unit: "{UNIT}"`')
        value = mapping(limit, "values").get("STANDARD")
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            yield Problem(place, f"the limit is {value!r}", "write `values: {STANDARD: N}`, N being 1 or more")


def costs_are_of_metrics(document: Mapping[str, Any]) -> Iterator[Problem]:
    metrics = _metrics(document)
    limited = {mapping(limit).get("metric") for limit in items(document, "x-google-management", "quota", "limits")}
    for operation in operations(document):
        if "x-google-quota" not in operation.fields:
            continue
        place = (*operation.place, "x-google-quota")
        costs = mapping(operation.fields["x-google-quota"], "metricCosts")
        if not costs:
            yield Problem(place, "names no costs", "write `metricCosts: {METRIC: 1}`")
        for metric, cost in costs.items():
            here = (*place, "metricCosts", metric)
            if metric not in metrics:
                yield Problem(here, f"the metric {metric!r} is not defined", "add it to x-google-management.metrics")
            elif metric not in limited:
                yield Problem(here, f"the metric {metric!r} has no limit", "add one to quota.limits", fatal=False)
            if isinstance(cost, bool) or not isinstance(cost, int) or cost < 1:
                yield Problem(here, f"the cost is {cost!r}", "write a whole number from 1")
        if costs and not _needs_key(document, operation.fields, security(document, operation)[1]):
            yield Problem(
                place,
                "counts per consumer, but no API key says who that is: nothing is limited",
                "ask for an API key in `security`",
                fatal=False,
            )


def _metrics(document: Mapping[str, Any]) -> set[str]:
    names = [mapping(metric).get("name") for metric in items(document, "x-google-management", "metrics")]
    return {name for name in names if isinstance(name, str)}


def _needs_key(document: Mapping[str, Any], fields: Mapping[str, Any], alternatives: list[Mapping[str, Any]]) -> bool:
    schemes = mapping(document, "securityDefinitions")
    return any(mapping(schemes, name).get("type") == "apiKey" for item in alternatives for name in item)
