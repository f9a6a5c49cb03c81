"""The rules that a document is checked against: what Google rejects, and what this gateway does not support."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.diagnostics import Diagnostic
from gateway.document.dialect import is_openapi_3
from gateway.rules import backends, endpoints, general, openapi_3, paths, quota, references, security

Rule = Callable[[Mapping[str, Any]], Iterator[Diagnostic]]

SHARED_RULES: tuple[Rule, ...] = (
    general.version_is_supported,
    general.has_title_and_version,
    references.references_resolve,
    general.extensions_are_known,
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
    security.issuers_are_different,
    security.security_requirements_are_supported,
    quota.metric_costs_are_valid,
    endpoints.cors_is_passed_on,
)
OPENAPI_2_RULES: tuple[Rule, ...] = (
    general.host_is_a_host_name,
    general.base_path_is_valid,
    general.schemes_are_http,
    general.api_name_is_valid,
    endpoints.x_google_allow_is_valid,
    endpoints.x_google_endpoints_is_valid,
    quota.management_has_known_fields,
    quota.metrics_have_unique_names,
    quota.limits_are_valid,
)
OPENAPI_3_RULES: tuple[Rule, ...] = (
    openapi_3.has_no_fields_of_openapi_2,
    openapi_3.servers_are_valid,
    openapi_3.management_is_valid,
    openapi_3.extensions_are_run_here,
    openapi_3.named_limits_are_valid,
    backends.backend_names_are_defined,
)
# What matters to a deployment, but not to the local gateway.
DEPLOYMENT_RULES: tuple[Rule, ...] = (backends.addresses_are_public,)


def diagnostics(document: Mapping[str, Any], rules: tuple[Rule, ...] | None = None) -> list[Diagnostic]:
    """Everything the rules report, in their order; by default the rules for the document's version of OpenAPI."""
    if rules is None:
        rules = SHARED_RULES + (OPENAPI_3_RULES if is_openapi_3(document) else OPENAPI_2_RULES)
    return [replace(diagnostic, rule=rule.__name__) for rule in rules for diagnostic in rule(document)]
