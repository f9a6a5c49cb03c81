"""What Google refuses at deploy, and what would differ here: one rule after the other, each reports all it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.problems import Problem
from gateway.rules import backends, general, paths, quota, security

Rule = Callable[[Mapping[str, Any]], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    general.is_openapi_2,
    general.has_title_and_version,
    general.host_is_a_name,
    general.base_path_is_a_path,
    general.schemes_are_http,
    general.references_lead_somewhere,
    general.extensions_are_known,
    general.undefined_paths_stay_closed,
    general.endpoints_are_ignored,
    paths.has_paths,
    paths.path_items_hold_operations,
    paths.templates_can_be_matched,
    paths.routes_are_unique,
    paths.operation_ids_are_unique,
    paths.operations_have_responses,
    paths.parameters_are_whole,
    paths.path_parameters_agree,
    backends.every_operation_has_a_backend,
    backends.backends_are_whole,
    security.definitions_can_be_used,
    security.requirements_can_be_met,
    quota.metrics_are_named,
    quota.limits_can_be_kept,
    quota.costs_are_of_metrics,
)


def problems(document: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with the document, in the order of the rules."""
    if "openapi" in document:
        return list(general.is_openapi_2(document))
    return [problem for rule in RULES for problem in rule(document)]
