"""Rules on paths, operations and their parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.diagnostics import Diagnostic, Place
from gateway.document.dialect import is_openapi_3
from gateway.document.fields import mapping, resolved
from gateway.document.operations import METHODS, OperationObject, operations, path_template, whole_path
from gateway.document.path_template import PathTemplateError

PARAMETER_LOCATIONS = ("path", "query", "header", "body", "formData")
PARAMETER_TYPES = ("string", "number", "integer", "boolean", "array")
PARAMETER_LOCATIONS_3 = ("path", "query", "header", "cookie")
PATH_ITEM_FIELDS = ("parameters", "$ref")
PATH_ITEM_FIELDS_3 = (*PATH_ITEM_FIELDS, "summary", "description", "servers")


def has_paths(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if not isinstance(document.get("paths"), Mapping):
        yield Diagnostic(("paths",), "must be a mapping of paths", "declare at least one path with an operation")
        return
    # Documents that only give a service its DNS name have no paths.
    found = (item for path, item in document["paths"].items() if not path.startswith("x-"))
    if not any(mapping(item).keys() - {*PATH_ITEM_FIELDS_3} or not isinstance(item, Mapping) for item in found):
        message = "there are no operations, so that every request gets 404"
        yield Diagnostic(("paths",), message, "declare at least one path with an operation", fatal=False)


def path_items_hold_operations(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    fields = PATH_ITEM_FIELDS_3 if is_openapi_3(document) else PATH_ITEM_FIELDS
    for path, item in mapping(document, "paths").items():
        if path.startswith("x-"):
            continue
        if not isinstance(item, Mapping):
            yield Diagnostic(("paths", path), "must be a mapping of methods", "write at least one of get, post, …")
            continue
        if "$ref" in item:
            yield Diagnostic(
                ("paths", path, "$ref"), "a reference cannot replace a path", "write the path's operations here"
            )
        for key, value in item.items():
            if key in METHODS:
                if not isinstance(value, Mapping):
                    yield Diagnostic(
                        ("paths", path, key), "must be a mapping", "write at least the operation's `responses`"
                    )
            elif key not in fields and not key.startswith("x-"):
                remedy = f"use one of {', '.join(METHODS)}, in lower case"
                yield Diagnostic(("paths", path, key), f"{key!r} is not a supported method", remedy)


def path_templates_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for path in mapping(document, "paths"):
        if path.startswith("x-"):
            continue
        if not path.startswith("/"):
            yield Diagnostic(("paths", path), "does not begin with '/'", f"write /{path}")
            continue
        whole = whole_path(document, path)
        try:
            path_template(whole)
        except PathTemplateError as err:
            yield Diagnostic(("paths", path), str(err), err.remedy)
        else:
            if len(whole) > 1 and whole.endswith("/"):
                remedy = f"write {path.rstrip('/')}, which requests with the '/' match too"
                if path == "/":
                    remedy = f"move the end of the base path {whole[:-1]} into each path"
                yield Diagnostic(("paths", path), f"{whole!r} ends in '/', which Google rejects", remedy)


def path_templates_are_unique(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    first: dict[tuple[Any, ...], OperationObject] = {}
    for operation in operations(document):
        try:
            key = (operation.method, path_template(operation.path).shape)
        except PathTemplateError:
            continue
        if key in first:
            yield Diagnostic(
                operation.place,
                f"can never match: {first[key].method} of {first[key].path!r} matches the same paths",
                "keep one of the two",
            )
        first.setdefault(key, operation)


def operations_have_unique_ids(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Google makes a method name of each id, so ids that differ only in punctuation are the same."""
    first: dict[str, OperationObject] = {}
    for operation in operations(document):
        given = operation.fields.get("operationId")
        place = (*operation.place, "operationId")
        if given is None:
            yield Diagnostic(operation.place, "has no operationId, which Google requires", _example_id(operation))
            continue
        name = re.sub("[^A-Za-z0-9_]", "", given) if isinstance(given, str) else ""
        method = name[:1].upper() + name[1:]
        if not method:
            yield Diagnostic(place, "must contain letters or digits", _example_id(operation))
        elif method in first:
            other = first[method]
            yield Diagnostic(
                place,
                f"becomes the method name {method} at Google, as does {other.fields['operationId']!r} of"
                f" {other.method} {other.path}",
                "give every operation its own operationId",
            )
        else:
            first[method] = operation


def _example_id(operation: OperationObject) -> str:
    words = re.findall("[A-Za-z0-9]+", operation.path)
    return (
        f"write `operationId: {operation.method}{''.join(word[:1].upper() + word[1:] for word in words)}`, for example"
    )


def operations_have_responses(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    version_3 = is_openapi_3(document)
    for operation in operations(document):
        responses = operation.fields.get("responses")
        if responses is None and str(document.get("openapi")).startswith("3.1."):
            continue
        if not isinstance(responses, Mapping) or not responses:
            remedy = 'write at least `responses: {"200": {description: ok}}`'
            if responses is None or responses == {}:
                place = (*operation.place, "responses") if "responses" in operation.fields else operation.place
                yield Diagnostic(place, "has no responses", remedy)
            else:
                yield Diagnostic((*operation.place, "responses"), "must be a mapping of status codes", remedy)
            continue
        for code, response in responses.items():
            place = (*operation.place, "responses", code)
            if code.startswith("x-"):
                continue
            is_range = version_3 and re.fullmatch("[1-5]XX", code)
            if code != "default" and not is_range and not (code.isdecimal() and 100 <= int(code) <= 599):
                yield Diagnostic(
                    place, f"{code!r} is not a status code", 'write a status code such as "200", or default'
                )
            elif not isinstance(response, Mapping):
                yield Diagnostic(place, "must be a mapping", "write `{description: ok}`")
            elif "description" not in response and "$ref" not in response:
                yield Diagnostic(place, "has no description", "write `description: ok`, for example", fatal=False)


def parameters_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Reports the parameters of a path once, not for each of its operations."""
    for path, item in mapping(document, "paths").items():
        if isinstance(item, Mapping) and "parameters" in item:
            yield from _parameters(document, ("paths", path, "parameters"), item["parameters"])
    for operation in operations(document):
        if "parameters" in operation.fields:
            yield from _parameters(document, (*operation.place, "parameters"), operation.fields["parameters"])
        merged = _merged(document, operation)
        bodies = [name for name, where in merged if where == "body"]
        if len(bodies) > 1:
            yield Diagnostic(
                operation.place, f"has {len(bodies)} body parameters; only one is allowed", "keep one of them"
            )
        elif bodies and any(where == "formData" for _, where in merged):
            yield Diagnostic(operation.place, "has both a body and formData parameters", "keep one of the two kinds")


def path_parameters_match_the_path(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    string = "schema: {type: string}" if is_openapi_3(document) else "type: string"
    for operation in operations(document):
        try:
            names = {variable.name for variable in path_template(operation.path).variables}
        except PathTemplateError:
            continue
        declared = {name for name, where in _merged(document, operation) if where == "path"}
        for name in sorted(names - declared):
            yield Diagnostic(
                operation.place,
                f"the path parameter {name!r} is not declared",
                f"add `{{in: path, name: {name}, {string}, required: true}}` to its parameters",
            )
        for name in sorted(declared - names):
            yield Diagnostic(
                operation.place,
                f"the path parameter {name!r} is not in the path",
                f"add {{{name}}} to the path, or remove the parameter",
            )


def _parameters(document: Mapping[str, Any], place: Place, parameters: Any) -> Iterator[Diagnostic]:
    if not isinstance(parameters, list):
        yield Diagnostic(place, "must be a list", "write a list of parameters")
        return
    version_3 = is_openapi_3(document)
    locations = PARAMETER_LOCATIONS_3 if version_3 else PARAMETER_LOCATIONS
    seen: set[tuple[str, str]] = set()
    for index, given in enumerate(parameters):
        here = (*place, index)
        parameter = resolved(document, given)
        if isinstance(parameter, Mapping) and "$ref" in parameter:
            continue
        name, where = _key(parameter)
        if not name or where not in locations:
            remedy = f"write both; `in` is one of {', '.join(locations)}"
            if version_3 and where in PARAMETER_LOCATIONS:
                remedy = "write a `requestBody` instead"
            yield Diagnostic(here, "`name` or `in` is missing or invalid", remedy)
            continue
        if (name, where) in seen:
            yield Diagnostic(here, f"duplicate {where} parameter {name!r}", "keep one of the two")
        seen.add((name, where))
        if where == "path" and parameter.get("required") is not True:
            yield Diagnostic(
                here, f"the path parameter {name!r} is not required", "write `required: true`", fatal=False
            )
        if version_3:
            if "schema" not in parameter and "content" not in parameter:
                remedy = "write `schema: {type: string}`, for example"
                yield Diagnostic(here, f"the parameter {name!r} has no schema", remedy, fatal=False)
        elif where == "body" and "schema" not in parameter:
            yield Diagnostic(here, f"the body parameter {name!r} has no schema", "write `schema: {…}`")
        elif where != "body":
            yield from _type(here, name, parameter.get("type"), where)


def _type(place: Place, name: str, given: Any, where: str) -> Iterator[Diagnostic]:
    types = (*PARAMETER_TYPES, "file") if where == "formData" else PARAMETER_TYPES
    if given not in types:
        message = "has no type" if given is None else f"cannot have the type {given!r}"
        yield Diagnostic(place, f"the parameter {name!r} {message}", f"write one of {', '.join(types)}")


def _merged(document: Mapping[str, Any], operation: OperationObject) -> list[tuple[str, str]]:
    """Name and location of each parameter of the operation, including those of its path."""
    found: dict[tuple[str, str], None] = {}
    for fields in (operation.path_item, operation.fields):
        parameters = fields.get("parameters")
        for given in parameters if isinstance(parameters, list) else []:
            name, where = _key(resolved(document, given))
            if name:
                found[name, where] = None
    return list(found)


def _key(parameter: Any) -> tuple[str, str]:
    name, where = mapping(parameter).get("name"), mapping(parameter).get("in")
    return (name if isinstance(name, str) else "", where if isinstance(where, str) else "")
