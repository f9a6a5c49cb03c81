"""The part of the conversion to OpenAPI 3.0 that has nothing to do with Google: bodies, parameters, responses, schemas.

All functions change CommentedMaps in place, so that comments stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.comments import CommentedMap

from gateway.conversion.changes import Notes
from gateway.diagnostics import Place
from gateway.document.fields import is_data, mapping, resolved
from gateway.document.operations import METHODS

JSON = ("application/json",)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SCHEMA_FIELDS = (
    "type",
    "format",
    "items",
    "default",
    "enum",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
)
# How a list is written into a query, as `style` and `explode`.
STYLES = {
    "csv": ("form", False),
    "multi": ("form", True),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
}
REFERENCES = {
    "#/definitions/": "#/components/schemas/",
    "#/parameters/": "#/components/parameters/",
    "#/responses/": "#/components/responses/",
}
BODY = "#/components/requestBodies/"


@dataclass(frozen=True)
class MediaTypes:
    """The media types of an operation; `own_*` if they are not the document's."""

    consumes: Sequence[str]
    produces: Sequence[str]
    own_consumes: bool = False
    own_produces: bool = False


def convert_operations(source: dict[str, Any], data: CommentedMap, notes: Notes) -> None:
    """Convert the parameters, bodies and responses of every operation."""
    for key in ("consumes", "produces"):
        if key in data:
            notes.changed((key,), "moves into each body and response")
            del data[key]
    for path, item in data["paths"].items():
        if path.startswith("x-") or not isinstance(item, dict):
            continue
        place: Place = ("paths", path)
        shared = list(_parameters(source, place, item, notes))
        for method in METHODS:
            if isinstance(item.get(method), dict):
                _operation(source, (*place, method), item[method], shared, notes)


def _operation(source: dict[str, Any], place: Place, operation: CommentedMap, shared: list[Any], notes: Notes) -> None:
    for key in ("consumes", "produces", "schemes"):
        if key in operation:
            notes.changed((*place, key), "is removed" if key == "schemes" else "moves into the body and responses")
    types = MediaTypes(
        operation.get("consumes") or source.get("consumes") or (),
        operation.get("produces") or source.get("produces") or (),
        bool(operation.get("consumes")),
        bool(operation.get("produces")),
    )
    for key in ("consumes", "produces", "schemes"):
        operation.pop(key, None)
    parts = [*shared, *_parameters(source, place, operation, notes)]
    if parts:
        operation.insert(list(operation).index("responses"), "requestBody", _request_body(source, parts, types, notes))
    for code, response in operation["responses"].items():
        here = (*place, "responses", code)
        if "$ref" in response and types.own_produces and "schema" in mapping(resolved(source, response)):
            response = operation["responses"][code] = _copy(resolved(source, response))
        if not str(code).startswith("x-") and "$ref" not in response:
            _response(here, response, types.produces, notes)


def _parameters(
    source: dict[str, Any], place: Place, fields: dict[str, Any], notes: Notes
) -> Iterator[tuple[Place, Any]]:
    """Convert the parameters in place, except the parts of a body, which are taken out and returned."""
    kept = fields.get("parameters")
    if kept is None:
        return
    for index in reversed(range(len(kept))):
        here = (*place, "parameters", index)
        if mapping(resolved(source, kept[index])).get("in") in ("body", "formData"):
            notes.changed(here, "becomes a part of `requestBody`")
            yield here, kept.pop(index)
        elif "$ref" not in kept[index]:
            _parameter(here, kept[index], notes)
    if not kept:
        del fields["parameters"]


def _parameter(place: Place, parameter: CommentedMap, notes: Notes) -> None:
    notes.changed(place, "gets a `schema`")
    if parameter["in"] == "path":
        parameter["required"] = True
    form = parameter.pop("collectionFormat", "csv")
    if parameter.get("type") == "array":
        if parameter["in"] == "query" and form in STYLES:
            parameter["style"], parameter["explode"] = STYLES[form]
        elif form != "csv":
            notes.lost((*place, "collectionFormat"), f"has no equivalent: lists in a {parameter['in']} are not {form}")
    parameter["schema"] = _schema_of(place, parameter, notes)


def _schema_of(place: Place, fields: CommentedMap, notes: Notes) -> CommentedMap:
    """The fields of a parameter or header that describe its value, taken out of it."""
    schema = CommentedMap((key, fields.pop(key)) for key in SCHEMA_FIELDS if key in fields)
    _schema(place, schema, notes)
    return schema


def _request_body(source: dict[str, Any], parts: list[Any], types: MediaTypes, notes: Notes) -> CommentedMap:
    [(place, first), *_] = parts
    whole = mapping(resolved(source, first))
    if whole.get("in") == "body":
        reference = first.get("$ref", "")
        if reference and not types.own_consumes:
            return CommentedMap({"$ref": reference.replace("#/parameters/", BODY)})
        return _body(place, _copy(whole) if reference else first, types.consumes or JSON, notes)
    schema = CommentedMap(type="object", properties=CommentedMap())
    required = []
    has_file = False
    for here, given in reversed(parts):
        part = _copy(resolved(source, given))
        if part.pop("collectionFormat", "csv") != "csv":
            notes.lost((*here, "collectionFormat"), "has no equivalent in the body of a form")
        has_file = has_file or part.get("type") == "file"
        value = _schema_of(here, part, notes)
        if "description" in part:
            value["description"] = part["description"]
        schema["properties"][part["name"]] = value
        required += [part["name"]] if part.get("required") else []
    if required:
        schema["required"] = required
    forms = [kind for kind in types.consumes if kind in FORMS] or [FORMS[has_file]]
    return CommentedMap(content=_content(forms, schema))


def _body(place: Place, parameter: CommentedMap, types: Sequence[str], notes: Notes) -> CommentedMap:
    _schema(place, parameter["schema"], notes)
    kept = ("description", "required")
    return CommentedMap(
        [(key, parameter[key]) for key in kept if key in parameter]
        + [("content", _content(types, parameter["schema"]))]
    )


def _response(place: Place, response: CommentedMap, types: Sequence[str], notes: Notes) -> None:
    if "description" not in response:
        notes.changed(place, "gets a description, which OpenAPI 3.x requires")
        response["description"] = ""
    for name, header in mapping(response, "headers").items():
        if isinstance(header, CommentedMap):
            if header.pop("collectionFormat", "csv") != "csv":
                notes.lost((*place, "headers", name), "has no equivalent: lists in a header are separated by commas")
            header["schema"] = _schema_of((*place, "headers", name), header, notes)
    schema, examples = response.pop("schema", None), response.pop("examples", None)
    if schema is None and not examples:
        return
    notes.changed(place, "has its schema and examples in `content`")
    if schema is not None:
        is_file = schema.get("type") == "file"
        _schema((*place, "schema"), schema, notes)
        types = types or (("application/octet-stream",) if is_file else JSON)
    response["content"] = _content(list(types) if schema is not None else [], schema)
    for kind, example in mapping(examples).items():
        response["content"].setdefault(kind, CommentedMap())["example"] = example


def _content(types: Sequence[str], schema: Any) -> CommentedMap:
    """One media type with the comments of the schema, and further ones with copies of it."""
    return CommentedMap(
        (kind, CommentedMap(schema=schema if n == 0 else _copy(schema))) for n, kind in enumerate(types)
    )


def _schema(place: Place, schema: Any, notes: Notes) -> None:
    if not isinstance(schema, CommentedMap):
        return
    if schema.get("type") == "file":
        schema["type"], schema["format"] = "string", "binary"
    if schema.pop("collectionFormat", "csv") != "csv":
        notes.lost(place, "has no equivalent: lists within a list have no collectionFormat in OpenAPI 3.x")
    if isinstance(schema.get("discriminator"), str):
        schema["discriminator"] = CommentedMap(propertyName=schema["discriminator"])
    if "x-nullable" in schema:
        schema["nullable"] = schema.pop("x-nullable")
    for key in ("items", "additionalProperties"):
        _schema((*place, key), schema.get(key), notes)
    for name, inner in mapping(schema, "properties").items():
        _schema((*place, "properties", name), inner, notes)
    for index, inner in enumerate(schema.get("allOf") or ()):
        _schema((*place, "allOf", index), inner, notes)


def convert_shared_parts(source: dict[str, Any], data: CommentedMap, components: CommentedMap, notes: Notes) -> None:
    """Move definitions, parameters and responses to `components`."""
    for name, schema in mapping(data, "definitions").items():
        _schema(("definitions", name), schema, notes)
    for name, response in mapping(data, "responses").items():
        if isinstance(response, CommentedMap):
            _response(("responses", name), response, source.get("produces") or (), notes)
    bodies = CommentedMap()
    for name, parameter in list(mapping(data, "parameters").items()):
        place = ("parameters", name)
        if parameter["in"] not in ("body", "formData"):
            _parameter(place, parameter, notes)
            continue
        del data["parameters"][name]
        if parameter["in"] == "body":
            bodies[name] = _body(place, parameter, source.get("consumes") or JSON, notes)
    if bodies:
        components["requestBodies"] = bodies
    for key, section in (("parameters", "parameters"), ("responses", "responses"), ("definitions", "schemas")):
        if key in data:
            notes.changed((key,), f"moves to components.{section}")
            found = data.pop(key)
            if found:
                components[section] = found


def convert_references(node: Any, place: Place, notes: Notes) -> None:
    if isinstance(node, list):
        for index, item in enumerate(node):
            convert_references(item, (*place, index), notes)
    elif isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and place[-1:] != ("properties",) and not reference.startswith("#/components/"):
            former = next((prefix for prefix in REFERENCES if reference.startswith(prefix)), None)
            if former is None:
                notes.lost(
                    (*place, "$ref"), f"has no equivalent: the target of {reference} is elsewhere in OpenAPI 3.x"
                )
            else:
                node["$ref"] = REFERENCES[former] + reference.removeprefix(former)
        for key, value in node.items():
            if not is_data(place, key):
                convert_references(value, (*place, key), notes)


def _copy(value: Any) -> Any:
    """A deep copy as CommentedMaps, so that it can be converted."""
    if isinstance(value, dict) and not isinstance(value, CommentedMap):
        return CommentedMap((key, _copy(item)) for key, item in value.items())
    return [_copy(item) for item in value] if type(value) is list else deepcopy(value)
