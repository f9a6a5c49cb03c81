"""Checks requests, responses and resources against Google's discovery documents (in google-api-python-client)."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# The APIs that a deployment calls, directly or through gcloud.
VERSIONS = {
    "apigateway": "v1",
    "apikeys": "v2",
    "artifactregistry": "v1",
    "artifactregistry-beta": "v1beta2",
    "cloudbilling": "v1",
    "cloudbuild": "v1",
    "cloudresourcemanager": "v1",
    "iam": "v1",
    "logging": "v2",
    "monitoring": "v1",
    "monitoring-alerts": "v3",
    "orgpolicy": "v2",
    "run": "v1",
    "run-v2": "v2",
    "secretmanager": "v1",
    "serviceusage": "v1",
    "storage": "v1",
}
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": (int, str),
    "number": (int, float),
    "array": list,
    "object": dict,
}
# Values and keys that only the description of a field lists.
VALUES = re.compile(r'(?:[Mm]ust be|Allowed values are) ("[\w./-]+"(?: and "[\w./-]+")*)')
KEYS = re.compile(r"Only ('[\w./-]+'(?:,| and|, and)? ?)+keys are supported")


@cache
def document(api: str) -> dict[str, Any]:
    """The discovery document of an API."""
    found = importlib.util.find_spec("googleapiclient")
    assert found
    assert found.submodule_search_locations
    name = f"{api.partition('-')[0]}.{VERSIONS[api]}.json"
    path = Path(next(iter(found.submodule_search_locations))) / "discovery_cache/documents" / name
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def enum(api: str, schema: str, field: str) -> set[str]:
    """The values of an enum, without the one for "not set"."""
    values = document(api)["schemas"][schema]["properties"][field]["enum"]
    return {value for value in values if not value.endswith(("_UNSPECIFIED", "_UNKNOWN"))}


def mistakes(api: str, schema: str, value: Any) -> list[str]:
    """Unknown fields, wrong types and unknown enum values of a resource, each with its place."""
    return list(_mistakes(document(api)["schemas"], {"$ref": schema}, value, schema))


def _mistakes(schemas: Mapping[str, Any], schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    expected: str = schema.get("type", "any")
    if expected == "any":
        return
    items: Any = value
    digits = expected != "integer" or re.fullmatch(r"-?\d+", str(value))
    if not isinstance(value, TYPES[expected]) or not digits or (isinstance(value, bool) and expected != "boolean"):
        yield f"{place}: should be {expected}, not {value!r}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place}: should be one of {', '.join(schema['enum'])}, not {value!r}"
    elif (listed := VALUES.search(schema.get("description", ""))) and f'"{value}"' not in listed[1]:
        yield f"{place}: should be {listed[1]}, not {value!r}"
    elif schema.get("format") == "google-duration" and not re.fullmatch(r"\d+(\.\d+)?s", items):
        yield f"{place}: should be a duration, not {value!r}"
    elif expected == "array":
        for number, item in enumerate(items):
            yield from _mistakes(schemas, schema["items"], item, f"{place}[{number}]")
    elif expected == "object":
        fields = schema.get("properties", {})
        keys = KEYS.search(schema.get("description", ""))
        for key, item in items.items():
            if key in fields:
                yield from _mistakes(schemas, fields[key], item, f"{place}.{key}")
            elif keys and f"'{key}'" not in keys[0]:
                yield f"{place}.{key}: is not a key"
            elif "additionalProperties" in schema:
                yield from _mistakes(schemas, schema["additionalProperties"], item, f"{place}.{key}")
            else:
                yield f"{place}.{key}: is not a field"


@dataclass(frozen=True)
class Method:
    """A method of an API."""

    api: str
    path: re.Pattern[str]
    http: str
    parameters: frozenset[str]
    request: str
    response: str


@cache
def methods() -> tuple[Method, ...]:
    """All methods of all APIs."""
    return tuple(method for api in VERSIONS for method in _methods(api, document(api)))


def _methods(api: str, node: Mapping[str, Any]) -> Iterator[Method]:
    whole = document(api)
    for found in node.get("methods", {}).values():
        paths = [whole["servicePath"] + found.get("flatPath", found["path"])]
        paths += [upload["path"].lstrip("/") for upload in found.get("mediaUpload", {}).get("protocols", {}).values()]
        yield Method(
            api,
            re.compile("/(" + "|".join(re.sub(r"\{\+?\w+\}", "[^/:]+", path) for path in paths) + ")"),
            found["httpMethod"],
            frozenset({*whole["parameters"], "$alt", "upload_id", *found.get("parameters", {})}),
            found.get("request", {}).get("$ref", ""),
            found.get("response", {}).get("$ref", ""),
        )
    for child in node.get("resources", {}).values():
        yield from _methods(api, child)


def exchange_mistakes(http: str, path: str, query: Mapping[str, str], body: Any, response: Any) -> list[str]:
    """How a request or its successful response differs from every method that has this path."""
    found: list[str] = [f"{http} {path}: no method of these APIs has this path"]
    for method in methods():
        if method.http != http or not method.path.fullmatch(path):
            continue
        found = [f"{http} {path}: {name} is not a parameter" for name in query if name not in method.parameters]
        if body:
            found += mistakes(method.api, method.request, body) if method.request else [f"{path}: takes no body"]
        if response is not None and method.response:
            found += mistakes(method.api, method.response, response)
        if not found:
            return []
    return found
