"""Rules on quotas: `x-google-management` (OpenAPI 2.0) and `x-google-quota`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.diagnostics import Diagnostic, Place
from gateway.document.dialect import camel_case, is_openapi_3, limits, metric_costs, metrics, scheme_kind
from gateway.document.fields import items, mapping
from gateway.document.operations import OperationObject, operations, security

UNIT = "1/min/{project}"
METRIC_FIELDS = (
    "name",
    "displayName",
    "valueType",
    "metricKind",
    "description",
    "labels",
    "launchStage",
    "metadata",
    "monitoredResourceTypes",
    "type",
    "unit",
)
LIMIT_FIELDS = (
    "name",
    "metric",
    "unit",
    "values",
    "description",
    "displayName",
    "defaultLimit",
    "duration",
    "freeTier",
    "maxLimit",
)
MANAGEMENT: Place = ("x-google-management",)
LIMIT_NAME = re.compile("[A-Za-z0-9-]{1,64}")
# As the value of a limit.
UNLIMITED = -1


def management_has_known_fields(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if "x-google-management" not in document:
        return
    found = document["x-google-management"]
    quota = mapping(found).get("quota", {})
    yield from _unknown_fields(MANAGEMENT, found, ("metrics", "quota"))
    yield from _entries((*MANAGEMENT, "metrics"), mapping(found).get("metrics", []), METRIC_FIELDS)
    yield from _unknown_fields((*MANAGEMENT, "quota"), quota, ("limits",))
    yield from _entries((*MANAGEMENT, "quota", "limits"), mapping(quota).get("limits", []), LIMIT_FIELDS)


def _entries(place: Place, entries: Any, fields: tuple[str, ...]) -> Iterator[Diagnostic]:
    if not isinstance(entries, list):
        yield Diagnostic(place, "must be a list", f"write `{place[-1]}: [{{name: …}}]`")
        return
    for index, entry in enumerate(entries):
        yield from _unknown_fields((*place, index), entry, fields)


def _unknown_fields(place: Place, value: Any, fields: tuple[str, ...]) -> Iterator[Diagnostic]:
    if not isinstance(value, Mapping):
        yield Diagnostic(place, "must be a mapping", f"its fields are {', '.join(fields)}")
    for key in mapping(value):
        # Google parses these objects as protocol buffers, whose fields may be in snake case.
        if camel_case(key) not in fields:
            yield Diagnostic((*place, key), f"{key!r} is not one of its fields", f"use {', '.join(fields)}")


def metrics_have_unique_names(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    for index, metric in enumerate(items(document, "x-google-management", "metrics")):
        place = (*MANAGEMENT, "metrics", index)
        name = mapping(metric).get("name")
        if not isinstance(name, str) or not name:
            yield Diagnostic(place, "the metric has no name", "write `name: …`")
        elif name in seen:
            yield Diagnostic(place, f"duplicate metric {name!r}", "keep one of the two")
        else:
            seen.add(name)


def limits_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    known = metrics(document)
    names: set[str] = set()
    for index, limit in enumerate(items(document, "x-google-management", "quota", "limits")):
        place = (*MANAGEMENT, "quota", "limits", index)
        name, metric = mapping(limit).get("name"), mapping(limit).get("metric")
        if not isinstance(name, str) or not name:
            yield Diagnostic(place, "the limit has no name", "write `name: …`")
        elif name in names:
            yield Diagnostic(place, f"duplicate limit {name!r}", "keep one of the two")
        else:
            names.add(name)
            yield from limit_name_is_valid((*place, "name"), name)
        if not isinstance(metric, str) or metric not in known:
            yield Diagnostic(place, f"the metric {metric!r} is not defined", "add it to `metrics`")
        unit = mapping(limit).get("unit")
        if unit != UNIT:
            yield Diagnostic(place, f"the unit {unit!r} is not supported", f'write `unit: "{UNIT}"`')
        values = mapping(limit, "values")
        for tier in sorted(values.keys() - {"STANDARD"}):
            yield Diagnostic((*place, "values", tier), f"{tier!r} is not supported", "write STANDARD only")
        yield from limit_value_is_valid(place, values.get("STANDARD"), "{STANDARD: 100}")


def limit_name_is_valid(place: Place, name: str) -> Iterator[Diagnostic]:
    if not LIMIT_NAME.fullmatch(name):
        message = f"the name {name!r} has other characters than letters, digits and '-', or more than 64"
        yield Diagnostic(place, message, f"write {re.sub('[^A-Za-z0-9]+', '-', name).strip('-')[:64] or 'a-limit'}")


def limit_value_is_valid(place: Place, value: Any, example: str) -> Iterator[Diagnostic]:
    number = whole_number(value)
    remedy = f"write `values: {example}`, for example, or -1 for no limit"
    if value is None:
        yield Diagnostic(place, "the limit has no value", remedy)
    elif number == 0:
        yield Diagnostic(place, "a limit of 0, which rejects every request, is not run here", remedy)
    elif number is None or (number < 0 and number != UNLIMITED):
        yield Diagnostic(place, f"the limit {value!r} is invalid", remedy)


def metric_costs_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    known = metrics(document)
    limited = [metric for metric, _ in limits(document)]
    management = "x-google-api-management" if is_openapi_3(document) else "x-google-management"
    for operation in operations(document):
        if "x-google-quota" not in operation.fields:
            continue
        place = (*operation.place, "x-google-quota")
        field, costs = metric_costs(operation.fields)
        yield from _unknown_fields(place, operation.fields["x-google-quota"], ("metricCosts",))
        if not costs:
            yield Diagnostic(place, "has no metricCosts", "write `metricCosts: {METRIC: 1}`")
        for metric, cost in costs.items():
            here = (*place, field, metric)
            if metric not in known:
                yield Diagnostic(here, f"the metric {metric!r} is not defined", f"add it to {management}.metrics")
            elif metric not in limited:
                yield Diagnostic(here, f"the metric {metric!r} has no limit", "add one to quota.limits", fatal=False)
            number = whole_number(cost)
            if number is None or number < 0:
                yield Diagnostic(here, f"the cost {cost!r} is invalid", "write a whole number such as 1")
            elif number == 0:
                yield Diagnostic(here, "a cost of 0 has no effect", "write 1 or more, or remove it", fatal=False)
        if costs and not _needs_key(document, operation):
            yield Diagnostic(
                place,
                "has no effect without an API key, which identifies the consumer",
                "require an API key in `security`",
                fatal=False,
            )


def whole_number(value: Any) -> int | None:
    """The number, which may also be a string such as "5", or None if it is not a whole number of 64 bits."""
    if isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _needs_key(document: Mapping[str, Any], operation: OperationObject) -> bool:
    alternatives = security(document, operation)[1]
    return any(scheme_kind(document, name) == "apiKey" for item in alternatives for name in item)
