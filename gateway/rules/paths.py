"""Rules on paths, operations and their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.operations import METHODS, Operation, mapping, operations, resolved, template, whole_path
from gateway.problems import Place, Problem
from gateway.template import TemplateError

LOCATIONS = ("path", "query", "header", "body", "formData")


def has_paths(document: Mapping[str, Any]) -> Iterator[Problem]:
    if not mapping(document, "paths"):
        yield Problem(("paths",), "there are no paths", "declare at least one path with an operation")


def path_items_hold_operations(document: Mapping[str, Any]) -> Iterator[Problem]:
    for path, item in mapping(document, "paths").items():
        if path.startswith("x-"):
            continue
        if not isinstance(item, Mapping):
            yield Problem(("paths", path), "is no mapping of methods", "write at least one of get, post, …")
            continue
        if "$ref" in item:
            yield Problem(("paths", path, "$ref"), "stands for a whole path", "write the path's operations here")
        for key, value in item.items():
            if key in METHODS:
                if not isinstance(value, Mapping):
                    yield Problem(("paths", path, key), "is no mapping", "write the operation's `responses` at least")
            elif key not in ("parameters", "$ref") and not key.startswith("x-"):
                remedy = f"use one of {', '.join(METHODS)}, in lower case"
                yield Problem(("paths", path, key), f"{key!r} is no method of OpenAPI 2.0", remedy)


def templates_can_be_matched(document: Mapping[str, Any]) -> Iterator[Problem]:
    for path in mapping(document, "paths"):
        if path.startswith("x-"):
            continue
        if not path.startswith("/"):
            yield Problem(("paths", path), "does not begin with '/'", f"write /{path}")
            continue
        try:
            template(whole_path(document, path))
        except TemplateError as err:
            yield Problem(("paths", path), str(err), err.remedy)
        else:
            if len(path) > 1 and path.endswith("/"):
                yield Problem(
                    ("paths", path),
                    "ends in '/', which is no part of a template: it stands for the same paths as without",
                    f"write {path.rstrip('/')}, which answers with one '/' more too",
                    fatal=False,
                )


def routes_are_unique(document: Mapping[str, Any]) -> Iterator[Problem]:
    first: dict[tuple[Any, ...], Operation] = {}
    for operation in operations(document):
        try:
            key = (operation.method, template(operation.path).shape)
        except TemplateError:
            continue
        if key in first:
            yield Problem(
                operation.place,
                f"can never be reached: {first[key].method} of {first[key].path!r} takes the same paths",
                "keep one of the two",
            )
        first.setdefault(key, operation)


def operation_ids_are_unique(document: Mapping[str, Any]) -> Iterator[Problem]:
    first: dict[str, Operation] = {}
    for operation in operations(document):
        name = operation.fields.get("operationId")
        place = (*operation.place, "operationId")
        if name is None:
            continue
        if not isinstance(name, str) or not name:
            yield Problem(place, "is no name", "write a word of letters, digits and underscores")
        elif name in first:
            other = f"{first[name].method} of {first[name].path!r}"
            yield Problem(place, f"{name!r} is also the id of {other}", "give every operation its own id")
        else:
            first[name] = operation


def operations_have_responses(document: Mapping[str, Any]) -> Iterator[Problem]:
    for operation in operations(document):
        responses = operation.fields.get("responses")
        if not isinstance(responses, Mapping) or not responses:
            place = (*operation.place, "responses") if "responses" in operation.fields else operation.place
            yield Problem(place, "has no responses", 'write at least `responses: {"200": {description: ok}}`')
            continue
        for code, response in responses.items():
            place = (*operation.place, "responses", code)
            if code.startswith("x-"):
                continue
            if code != "default" and not (code.isdecimal() and 100 <= int(code) <= 599):
                yield Problem(place, f"{code!r} is no status", 'write a status such as "200", or default')
            elif not isinstance(response, Mapping) or not ("description" in response or "$ref" in response):
                yield Problem(place, "has no description", "write `description: …`")


def parameters_are_whole(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Reports a path's shared parameters once, not once for each of its operations."""
    for path, item in mapping(document, "paths").items():
        if isinstance(item, Mapping) and "parameters" in item:
            yield from _parameters(document, ("paths", path, "parameters"), item["parameters"])
    for operation in operations(document):
        if "parameters" in operation.fields:
            yield from _parameters(document, (*operation.place, "parameters"), operation.fields["parameters"])
        merged = _merged(document, operation)
        bodies = [name for name, where in merged if where == "body"]
        if len(bodies) > 1:
            yield Problem(operation.place, f"has {len(bodies)} body parameters", "describe one body")
        elif bodies and any(where == "formData" for _, where in merged):
            yield Problem(operation.place, "has both a body and form fields", "describe one of the two")


def path_parameters_agree(document: Mapping[str, Any]) -> Iterator[Problem]:
    for operation in operations(document):
        try:
            names = {variable.name for variable in template(operation.path).variables}
        except TemplateError:
            continue
        declared = {name for name, where in _merged(document, operation) if where == "path"}
        for name in sorted(names - declared):
            yield Problem(
                operation.place,
                f"the path parameter {name!r} is not declared",
                f"add `{{in: path, name: {name}, type: string, required: true}}` to its parameters",
            )
        for name in sorted(declared - names):
            yield Problem(
                operation.place,
                f"declares the path parameter {name!r}, which its path does not have",
                f"write {{{name}}} into the path, or remove the parameter",
            )


def _parameters(document: Mapping[str, Any], place: Place, parameters: Any) -> Iterator[Problem]:
    if not isinstance(parameters, list):
        yield Problem(place, "is no list", "write a list of parameters")
        return
    seen: set[tuple[str, str]] = set()
    for index, given in enumerate(parameters):
        here = (*place, index)
        parameter = resolved(document, given)
        if isinstance(parameter, Mapping) and "$ref" in parameter:
            continue
        name, where = _key(parameter)
        if not name or where not in LOCATIONS:
            yield Problem(
                here, "has no `name`, or no `in` of OpenAPI 2.0", f"write both; `in` is {', '.join(LOCATIONS)}"
            )
            continue
        if (name, where) in seen:
            yield Problem(here, f"the {where} parameter {name!r} stands there twice", "keep one of the two")
        seen.add((name, where))
        if where == "path" and parameter.get("required") is not True:
            yield Problem(here, f"the path parameter {name!r} is not required", "write `required: true`")
        if where == "body" and "schema" not in parameter:
            yield Problem(here, f"the body {name!r} has no schema", "write `schema: {…}`")
        if where != "body" and "type" not in parameter:
            yield Problem(here, f"the parameter {name!r} has no type", "write `type: string`, for example")


def _merged(document: Mapping[str, Any], operation: Operation) -> list[tuple[str, str]]:
    """Name and location of each parameter that holds for the operation, the path's included."""
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
