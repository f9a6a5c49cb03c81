"""A document's text -> plain values, and the line of any place in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.problems import Place, Problem, UnsupportedSpec, json_path

MAX_ALIASES = 200
# Two hundred aliases of aliases could stand for more values than there is memory.
MAX_VALUES = 2_000_000
MAX_DEPTH = 100

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """The values of an OpenAPI document; every key is a string."""

    data: dict[str, Any]
    root: yaml.Node | None = field(default=None, repr=False, compare=False)

    def line(self, place: Place) -> int | None:
        """The line, from 1, where `place` stands, or the nearest thing around it that the text shows."""
        if self.root is None:
            return None
        node, line = self.root, self.root.start_mark.line
        for step in place:
            found = _child(node, step)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line
        return int(line) + 1


def read_document(path: Path) -> Document:
    """The document in the file; UnsupportedSpec says what keeps it from being read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as err:
        raise _unreadable(f"cannot be read: {err.strerror}", "give the path of an OpenAPI 2.0 document") from err
    except UnicodeDecodeError as err:
        raise _unreadable("is not UTF-8 text", "save it as UTF-8") from err
    return parse_document(text)


def parse_document(text: str) -> Document:
    """The document that `text` holds, as YAML or JSON; UnsupportedSpec says what keeps it from being read."""
    try:
        root = _compose(text)
        problems = [] if root is None else list(_faults(root, text))
    except RecursionError as err:
        raise _unreadable("is nested too deeply", "write it flatter") from err
    if root is None:
        raise _unreadable("is empty", "write an OpenAPI 2.0 document")
    if any(problem.fatal for problem in problems):
        raise UnsupportedSpec(problems)
    data = _value(root, {})
    if not isinstance(data, dict):
        raise _unreadable("is not a mapping", 'begin with `swagger: "2.0"`', 1)
    return Document(data, root)


def _unreadable(message: str, remedy: str, line: int | None = None) -> UnsupportedSpec:
    return UnsupportedSpec([Problem((), message, remedy, line=line)])


def _compose(text: str) -> yaml.Node | None:
    try:
        # JSON may hold tabs and escapes that YAML refuses: then it is read as JSON, and its lines are lost.
        return _composed(text)
    except yaml.YAMLError as err:
        try:
            return _composed(json.dumps(json.loads(text), indent=1))
        except ValueError:
            mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
            said = getattr(err, "problem", None) or str(err).splitlines()[0]
            raise _unreadable(
                f"is neither YAML nor JSON: {said}", "mend the syntax", mark.line + 1 if mark else None
            ) from err


def _composed(text: str) -> yaml.Node | None:
    loader = Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _faults(root: yaml.Node, text: str) -> Iterator[Problem]:
    if "*" in text and "&" in text:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader))
        if aliases > MAX_ALIASES:
            message = f"uses {aliases} YAML aliases; Google accepts {MAX_ALIASES}"
            yield Problem((), message, "write the repeated parts out, or use `$ref`", line=1)
            return
        if _size(root, {}, set()) > MAX_VALUES:
            yield Problem((), "its YAML aliases multiply without end", "write the repeated parts out", line=1)
            return
    yield from _twice(root, ())


def _size(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """How many values the node stands for once its aliases are written out."""
    if id(node) in above:
        return MAX_VALUES + 1
    if id(node) not in known:
        above.add(id(node))
        known[id(node)] = 1 + sum(_size(child, known, above) for child in _children(node))
        above.discard(id(node))
    return known[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair


def _twice(node: yaml.Node, place: Place) -> Iterator[Problem]:
    """Keys that stand twice in one mapping, keys that are no scalars, and values of types that JSON lacks."""
    if len(place) > MAX_DEPTH:
        yield Problem(place[:10], "is nested too deeply", "write it flatter", line=node.start_mark.line + 1)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _twice(item, (*place, index))
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                yield Problem(place, "has a key that is no plain word", "write a string as the key", line=line)
                continue
            below = (*place, str(key.value))
            if key.value in lines and key.tag != "tag:yaml.org,2002:merge":
                message = f"stands there twice, first in line {lines[key.value]}"
                yield Problem(below, message, "keep one of the two", line=line)
            lines[key.value] = line
            yield from _twice(value, below)
    elif not node.tag.startswith("tag:yaml.org,2002:"):
        line = node.start_mark.line + 1
        yield Problem(place, f"has the tag {node.tag}, which JSON cannot hold", "write a plain value", line=line)


def _value(node: yaml.Node, known: dict[int, Any]) -> Any:
    """The plain value of a node; aliases of one node share one value."""
    if id(node) not in known:
        if isinstance(node, yaml.SequenceNode):
            known[id(node)] = [_value(item, known) for item in node.value]
        elif isinstance(node, yaml.MappingNode):
            known[id(node)] = {key: _value(value, known) for key, value in _entries(node)}
        else:
            known[id(node)] = _scalar(node)
    return known[id(node)]


def _entries(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    """The mapping's entries; those it merges (`<<`) come first, so that its own win."""
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for mapping in reversed(merged):
                if isinstance(mapping, yaml.MappingNode):
                    yield from _entries(mapping)
    for key, value in node.value:
        if key.tag != "tag:yaml.org,2002:merge":
            yield str(key.value), value


_SCALARS = yaml.SafeLoader("")


def _scalar(node: yaml.Node) -> Any:
    kind = node.tag.rpartition(":")[2]
    if kind == "str":
        return node.value
    if kind in ("int", "float", "bool", "null"):
        return _SCALARS.construct_object(node)
    # Dates and the like: JSON has none, and Google reads them as text.
    return node.value


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return key, value
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                found = _child(value, step)
                if found is not None:
                    return found
    return None


__all__ = ["Document", "json_path", "parse_document", "read_document"]
