"""Parses a document from YAML or JSON, and finds the line of any value in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from gateway.diagnostics import Diagnostic, Place, UnsupportedDocument
from gateway.document.yaml_file import (
    INVALID_VALUE,
    MAX_DEPTH,
    MAX_VALUES,
    TOO_MANY_VALUES,
    Constructor,
    InvalidValues,
    Loader,
    YamlFileError,
    parsed_nodes,
    read_text,
    syntax_error,
    values,
)

RULE = "document_is_readable"
MAX_ALIASES = 200
MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Document:
    """An OpenAPI document as plain values; every key is a string."""

    data: dict[str, Any]
    root: yaml.Node | None = field(default=None, repr=False, compare=False)

    def line(self, place: Place) -> int | None:
        """The line of `place`, from 1; if it is missing, the line of the nearest value around it."""
        if self.root is None:
            return None
        node, line = self.root, self.root.start_mark.line
        for step in place:
            child = _child(node, step)
            if child is None:
                break
            key, node = child
            line = key.start_mark.line
        return int(line) + 1


def read_document(path: Path) -> Document:
    """The document in the file; UnsupportedDocument if it cannot be read or parsed."""
    try:
        text = read_text(path)
    except YamlFileError as err:
        raise _unreadable(str(err), "give the path of an OpenAPI document in UTF-8") from err
    return parse_document(text)


def parse_document(text: str) -> Document:
    """The document in YAML or JSON; UnsupportedDocument if it cannot be parsed."""
    try:
        root = _parse(text)
        diagnostics = [] if root is None else list(_structural_errors(root, text))
    except YamlFileError as err:
        raise _unreadable(str(err), "reduce the nesting", err.line) from err
    except RecursionError as err:
        raise _unreadable("is nested too deeply", "reduce the nesting") from err
    if root is None:
        raise _unreadable("is empty", "write an OpenAPI document")
    if diagnostics:
        named = (replace(diagnostic, rule=RULE) for diagnostic in diagnostics)
        raise UnsupportedDocument(sorted(named, key=lambda diagnostic: diagnostic.line or 0))
    try:
        data = _value(root, {})
    except InvalidValues as err:
        raise _unreadable(INVALID_VALUE, "write it as a string, in quotes") from err
    if not isinstance(data, dict):
        raise _unreadable("is not a mapping", 'begin with `openapi: 3.0.4` or `swagger: "2.0"`', 1)
    return Document(data, root)


def _unreadable(message: str, remedy: str, line: int | None = None) -> UnsupportedDocument:
    return UnsupportedDocument([Diagnostic((), message, remedy, line=line, rule=RULE)])


def _parse(text: str) -> yaml.Node | None:
    try:
        return parsed_nodes(text)
    except yaml.YAMLError as err:
        # JSON may contain tabs and escapes that YAML rejects. Lines are then those of the reformatted text.
        try:
            return parsed_nodes(json.dumps(json.loads(text), indent=1))
        except YamlFileError:
            raise
        except (ValueError, yaml.YAMLError):
            raise _unparsable(text, syntax_error(err)) from err


def _unparsable(text: str, error: YamlFileError) -> UnsupportedDocument:
    """The error for text that is neither YAML nor JSON, with a remedy for the most frequent mistakes."""
    line = text.splitlines()[error.line - 1] if error.line and error.line <= len(text.splitlines()) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return _unreadable("is not valid YAML: a tab indents this line", "indent with spaces", error.line)
    if text.lstrip().startswith(("{", "[")):
        return _unreadable(f"{error}, and not valid JSON", "fix the syntax", error.line)
    remedy = "fix the syntax"
    if "mapping values are not allowed" in str(error):
        remedy = "put text that contains a colon and a space in quotes, or fix the indentation"
    return _unreadable(str(error), remedy, error.line)


def _structural_errors(root: yaml.Node, text: str) -> Iterator[Diagnostic]:
    if "*" in text and "&" in text:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader))
        if aliases > MAX_ALIASES:
            message = f"has {aliases} YAML aliases; Google accepts at most {MAX_ALIASES}"
            yield Diagnostic((), message, "write the repeated parts out, or use `$ref`", line=1)
            return
        if values(root) > MAX_VALUES:
            yield Diagnostic((), TOO_MANY_VALUES, "write the repeated parts out", line=1)
            return
    yield from _invalid_nodes(root, ())


def _invalid_nodes(node: yaml.Node, place: Place) -> Iterator[Diagnostic]:
    """Duplicate keys, keys that are not scalars, and values of types that JSON does not have."""
    line = node.start_mark.line + 1
    if len(place) > MAX_DEPTH:
        yield Diagnostic(place[:10], "is nested too deeply", "reduce the nesting", line=line)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _invalid_nodes(item, (*place, index))
    elif isinstance(node, yaml.MappingNode):
        yield from _invalid_keys(node, place)
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _invalid_nodes(value, (*place, str(key.value)))
    elif not node.tag.startswith("tag:yaml.org,2002:"):
        yield Diagnostic(place, f"the tag {node.tag} has no equivalent in JSON", "write a plain value", line=line)


def _invalid_keys(node: yaml.MappingNode, place: Place) -> Iterator[Diagnostic]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            yield Diagnostic(place, "has a key that is not a string", "write a string as the key", line=line)
            continue
        if key.value in lines and key.tag != MERGE_TAG:
            message = f"duplicate key, first used in line {lines[key.value]}"
            yield Diagnostic((*place, str(key.value)), message, "keep one of the two", line=line)
        lines[key.value] = line


def _value(node: yaml.Node, known: dict[int, Any]) -> Any:
    """The node as a plain value; aliases of one node share one value."""
    if id(node) not in known:
        if isinstance(node, yaml.SequenceNode):
            known[id(node)] = [_value(item, known) for item in node.value]
        elif isinstance(node, yaml.MappingNode):
            known[id(node)] = {key: _value(value, known) for key, value in _entries(node)}
        else:
            known[id(node)] = _scalar(node)
    return known[id(node)]


def _entries(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    """The mapping's entries; those merged with `<<` come first, so that its own override them."""
    for key, value in node.value:
        if key.tag == MERGE_TAG:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for mapping in reversed(merged):
                if isinstance(mapping, yaml.MappingNode):
                    yield from _entries(mapping)
    for key, value in node.value:
        if key.tag != MERGE_TAG:
            yield str(key.value), value


_SCALARS = Constructor("")


def _scalar(node: yaml.Node) -> Any:
    kind = node.tag.rpartition(":")[2]
    if kind == "str":
        return node.value
    if kind in ("int", "float", "bool", "null"):
        return _SCALARS.construct_object(node)
    # Dates and other YAML types that JSON does not have: Google reads them as text.
    return node.value


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return key, value
        for key, value in node.value:
            if key.tag == MERGE_TAG:
                merged = _child(value, step)
                if merged is not None:
                    return merged
    return None
