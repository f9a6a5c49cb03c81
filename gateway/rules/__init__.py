"""The rules that a document is checked against: what Google rejects, and what this gateway does not support."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.diagnostics import Diagnostic
from gateway.rules import backends, general, paths, quota, security

Rule = Callable[[Mapping[str, Any]], Iterator[Diagnostic]]

RULES: tuple[Rule, ...] = (
    general.is_openapi_2,
    general.has_title_and_version,
    general.host_is_a_host_name,
    general.base_path_is_valid,
    general.schemes_are_http,
    general.references_resolve,
    general.extensions_are_known,
    general.x_google_allow_is_configured,
    general.x_google_endpoints_is_ignored,
    paths.has_paths,
    paths.path_items_hold_operations,
    paths.path_templates_are_valid,
    paths.path_templates_are_unique,
    paths.operation_ids_are_unique,
    paths.operations_have_responses,
    paths.parameters_are_valid,
    paths.path_parameters_match_the_path,
    backends.every_operation_has_a_backend,
    backends.backends_are_valid,
    security.security_definitions_are_valid,
    security.security_requirements_are_supported,
    quota.metrics_have_unique_names,
    quota.limits_are_valid,
    quota.metric_costs_are_valid,
)


def diagnostics(document: Mapping[str, Any]) -> list[Diagnostic]:
    """Everything the rules report, in their order."""
    if "openapi" in document:
        return list(general.is_openapi_2(document))
    return [diagnostic for rule in RULES for diagnostic in rule(document)]
