"""Converts an OpenAPI 2.0 document for Google API Gateway to OpenAPI 3.0: what it serves stays exactly the same."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from gateway.api import read_api
from gateway.conversion.changes import Change, ConversionError, Notes, not_convertible
from gateway.conversion.comments import with_comments_of
from gateway.conversion.operations import convert_operations, convert_references, convert_shared_parts
from gateway.diagnostics import Place, UnsupportedDocument
from gateway.document.dialect import (
    BACKEND,
    MANAGEMENT,
    TOKEN_EXTENSIONS,
    allows_cors,
    backend_fields,
    base_path,
    camel_case,
    location_fields,
    token_fields,
)
from gateway.document.fields import items, mapping
from gateway.document.operations import operations
from gateway.document.parse import Document, parse_document
from gateway.rules import diagnostics
from gateway.rules.backends import seconds
from gateway.rules.quota import whole_number
from gateway.rules.schema import schema_errors

VERSION = "3.0.4"
FLOWS = {"application": "clientCredentials", "accessCode": "authorizationCode"}
FLOW_FIELDS = ("authorizationUrl", "tokenUrl", "scopes")
# The only values that these fields of a metric and of a limit have at Google.
METRIC_CONSTANTS = {"valueType": "INT64", "metricKind": "DELTA"}


def converted(text: str) -> tuple[str, list[Change]]:
    """The document in OpenAPI 3.0, as YAML or JSON like the text, and what has changed, sorted by line.

    UnsupportedDocument if Google rejects the document as it is; ConversionError if something would be lost.
    """
    original = parse_document(text)
    if "swagger" not in original.data:
        raise not_convertible("is not an OpenAPI 2.0 document")
    before = read_api(original.data)
    _require_valid_schema(original.data)
    as_json = text.lstrip().startswith("{")
    data = _commented(original.data) if as_json else _round_trip(text)
    changes = _convert(original, data)
    if lost := [change for change in changes if change.lost]:
        raise ConversionError(lost)
    result = json.dumps(data, indent=2, ensure_ascii=False) + "\n" if as_json else _dumped(data, text)
    if read_api(parse_document(result).data) != before:
        raise not_convertible("would not be served as before")
    return result, changes


def _require_valid_schema(document: dict[str, Any]) -> None:
    """UnsupportedDocument for what the JSON schema rejects, except where a rule knows that Google accepts it."""
    known = [found.place for found in diagnostics(document)]
    errors = [
        error
        for error in schema_errors(document)
        if not any(error.place[: len(place)] == place or place[: len(error.place)] == error.place for place in known)
    ]
    if errors:
        raise UnsupportedDocument(errors)


def changes_for_openapi_3(document: Document) -> list[Change]:
    """What has to change in a document without errors, including what cannot be converted."""
    return _convert(document, _commented(document.data))


def _round_trip(text: str) -> Any:
    if "&" in text and "*" in text and any(event.anchor for event in YAML().parse(text) if hasattr(event, "anchor")):
        raise not_convertible("has YAML anchors; write the repeated parts out")
    try:
        data = _yaml().load(text)
    except YAMLError as err:
        raise not_convertible("is not written in YAML that keeps its comments") from err
    return data


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _commented(value: Any) -> Any:
    if isinstance(value, dict):
        return CommentedMap((key, _commented(item)) for key, item in value.items())
    return [_commented(item) for item in value] if isinstance(value, list) else value


def _dumped(data: CommentedMap, source: str) -> str:
    stream = StringIO()
    _yaml().dump(data, stream)
    return with_comments_of(source, stream.getvalue())


def _convert(original: Document, data: CommentedMap) -> list[Change]:
    """Convert `data`, which is equal to the original, in place."""
    notes = Notes()
    source = original.data
    management = CommentedMap()
    _version(data, notes)
    _server(source, data, notes)
    _backends(source, data, management, notes)
    _quotas(source, data, management, notes)
    if "x-google-api-name" in data:
        notes.changed(("x-google-api-name",), f"becomes {MANAGEMENT}.apiName")
        management["apiName"] = data.pop("x-google-api-name")
    allow = data.pop("x-google-allow", None)
    if allow is not None and str(allow).lower() == "all":
        notes.lost(("x-google-allow",), "has no equivalent: Google does not support x-google-allow in OpenAPI 3.x")
    elif allow is not None:
        notes.changed(("x-google-allow",), "is removed: `configured` is how OpenAPI 3.x documents are served")
    convert_operations(source, data, notes)
    components = CommentedMap()
    _security(source, data, components, notes)
    convert_shared_parts(source, data, components, notes)
    if components:
        data["components"] = components
    convert_references(data, (), notes)
    data.insert(min(3 if "servers" in data else 2, len(data)), MANAGEMENT, management)
    found = {(change.place, change.message): change for change in notes.changes}.values()
    located = [replace(change, line=original.line(change.place)) for change in found]
    return sorted(located, key=lambda change: change.line or 0)


def _version(data: CommentedMap, notes: Notes) -> None:
    notes.changed(("swagger",), f"becomes `openapi: {VERSION}`")
    position = list(data).index("swagger")
    comment = data.ca.items.pop("swagger", None)
    del data["swagger"]
    data.insert(position, "openapi", VERSION)
    if comment is not None:
        data.ca.items["openapi"] = comment


def _server(source: dict[str, Any], data: CommentedMap, notes: Notes) -> None:
    host, path = source.get("host"), base_path(source)
    endpoint = mapping((source.get("x-google-endpoints") or [{}])[0])
    for key in endpoint:
        if key in ("aliases", "target"):
            notes.lost(("x-google-endpoints", 0, key), f"has no equivalent: x-google-endpoint has no {key}")
    allow_cors = allows_cors(source)
    for key in ("host", "basePath", "schemes", "x-google-endpoints"):
        if key in data:
            notes.changed((key,), "moves to `servers`")
            del data[key]
    if host is None and not path and not allow_cors:
        return
    scheme = "http" if source.get("schemes") == ["http"] else "https"
    server = {
        "url": f"{scheme}://{host}{path}" if host else path or "/",
        "x-google-endpoint": {"allowCors": True} if allow_cors else {},
    }
    data.insert(min(2, len(data)), "servers", [server])


def _backends(source: dict[str, Any], data: CommentedMap, management: CommentedMap, notes: Notes) -> None:
    """Give each backend a name. Two places that differ only in where they are share one."""
    named: dict[str, tuple[str, CommentedMap]] = {}
    places: list[tuple[Place, Any]] = [((), data)]
    places += [(("paths", path), item) for path, item in data["paths"].items() if isinstance(item, dict)]
    places += [(found.place, data["paths"][found.place[1]][found.method]) for found in operations(source)]
    for place, node in places:
        if BACKEND not in node:
            continue
        notes.changed((*place, BACKEND), f"becomes the name of a backend in {MANAGEMENT}.backends")
        given = node[BACKEND]
        fields = CommentedMap((camel_case(key), value) for key, value in given.items())
        # The default depends on the place in OpenAPI 2.0: write it out.
        fields.setdefault("pathTranslation", "CONSTANT_ADDRESS" if place else "APPEND_PATH_TO_ADDRESS")
        if isinstance(fields.get("deadline"), str):
            fields["deadline"] = seconds(fields["deadline"])
        key = json.dumps(fields, sort_keys=True)
        if key not in named:
            named[key] = (_name(backend_fields(source, given)["address"], {name for name, _ in named.values()}), fields)
        node[BACKEND] = named[key][0]
    management["backends"] = CommentedMap(named.values())


def _name(address: str, taken: set[str]) -> str:
    """A name for a backend, from its host and path."""
    path = address.partition("://")[2].rstrip("/")
    host, _, rest = path.partition("/")
    name = host if ".cloudfunctions.net" not in host or not rest else rest
    name = "-".join("".join(c if c.isalnum() else " " for c in name.partition(".")[0]).split()) or "backend"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    return unique


def _quotas(source: dict[str, Any], data: CommentedMap, management: CommentedMap, notes: Notes) -> None:
    if "x-google-management" not in data:
        return
    place: Place = ("x-google-management",)
    notes.changed(place, f"moves to {MANAGEMENT}, with metrics and limits by name")
    del data[place[0]]
    metrics = CommentedMap()
    for index, metric in enumerate(items(source, "x-google-management", "metrics")):
        here = (*place, "metrics", index)
        for key, value in metric.items():
            if camel_case(key) not in ("name", "displayName") and METRIC_CONSTANTS.get(camel_case(key)) != value:
                notes.lost((*here, key), f"has no equivalent: a metric of OpenAPI 3.x has no {key}")
        kept = [(camel_case(key), value) for key, value in metric.items() if camel_case(key) == "displayName"]
        metrics[metric["name"]] = CommentedMap(kept)
    limits = CommentedMap()
    for index, limit in enumerate(items(source, "x-google-management", "quota", "limits")):
        for key in limit.keys() - {"name", "metric", "unit", "values"}:
            here = (*place, "quota", "limits", index, key)
            notes.lost(here, f"has no equivalent: a limit of OpenAPI 3.x has no {key}")
        limits[limit["name"]] = CommentedMap(metric=limit["metric"], values=whole_number(limit["values"]["STANDARD"]))
    if metrics:
        management["metrics"] = metrics
    if limits:
        management["quota"] = CommentedMap(limits=limits)


def _security(source: dict[str, Any], data: CommentedMap, components: CommentedMap, notes: Notes) -> None:
    schemes = data.pop("securityDefinitions", None)
    if not schemes:
        return
    notes.changed(("securityDefinitions",), "moves to components.securitySchemes")
    for name, scheme in schemes.items():
        place: Place = ("securityDefinitions", name)
        if scheme.get("type") == "basic":
            notes.changed(place, "becomes `{type: http, scheme: basic}`")
            scheme.update({"type": "http", "scheme": "basic"})
        elif scheme.get("type") == "oauth2":
            notes.changed(place, "gets `flows` and `x-google-auth`")
            _oauth2(source, name, scheme)
    components["securitySchemes"] = schemes


def _oauth2(source: dict[str, Any], name: str, scheme: CommentedMap) -> None:
    fields = token_fields(source, source["securityDefinitions"][name])[1]
    flow = scheme.pop("flow", "implicit")
    details = CommentedMap((key, scheme.pop(key)) for key in FLOW_FIELDS if key in scheme)
    details.setdefault("scopes", CommentedMap())
    scheme["flows"] = CommentedMap([(FLOWS.get(flow, flow), details)])
    auth = CommentedMap()
    for key in ("issuer", "jwks_uri"):
        if key in fields:
            auth[camel_case(key)] = fields[key]
    if "audiences" in fields:
        auth["audiences"] = [audience.strip() for audience in fields["audiences"].split(",")]
    if "jwt_locations" in fields:
        found = [location_fields(source, location) for location in fields["jwt_locations"]]
        auth["jwtLocations"] = [{camel_case(key): value for key, value in location.items()} for location in found]
    for key in TOKEN_EXTENSIONS:
        scheme.pop(key, None)
    if auth:
        scheme["x-google-auth"] = auth
