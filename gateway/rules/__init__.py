"""The rules that a document is checked against: what Google rejects, and what this gateway does not support."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.diagnostics import Diagnostic
from gateway.rules import backends, endpoints, general, paths, quota, references, security

Rule = Callable[[Mapping[str, Any]], Iterator[Diagnostic]]

RULES: tuple[Rule, ...] = (
    general.is_openapi_2,
    general.has_title_and_version,
    general.host_is_a_host_name,
    general.base_path_is_valid,
    general.schemes_are_http,
    references.references_resolve,
    general.extensions_are_known,
    endpoints.x_google_allow_is_valid,
    endpoints.x_google_endpoints_is_valid,
    paths.has_paths,
    paths.path_items_hold_operations,
    paths.path_templates_are_valid,
    paths.path_templates_are_unique,
    paths.operations_have_unique_ids,
    paths.operations_have_responses,
    paths.parameters_are_valid,
    paths.path_parameters_match_the_path,
    backends.every_operation_has_a_backend,
    backends.backends_are_valid,
    security.security_definitions_are_valid,
    security.security_requirements_are_supported,
    quota.management_has_known_fields,
    quota.metrics_have_unique_names,
    quota.limits_are_valid,
    quota.metric_costs_are_valid,
)
# What matters to a deployment, but not to the local gateway.
DEPLOYMENT_RULES: tuple[Rule, ...] = (backends.addresses_are_public,)


def diagnostics(document: Mapping[str, Any], rules: tuple[Rule, ...] = RULES) -> list[Diagnostic]:
    """Everything the rules report, in their order; about an OpenAPI 3 document, only that it is one."""
    if "openapi" in document:
        rules = (general.is_openapi_2,)
    return [replace(diagnostic, rule=rule.__name__) for rule in rules for diagnostic in rule(document)]
