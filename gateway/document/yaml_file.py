"""YAML files, with errors as one sentence and a line number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import yaml

MAX_BYTES = 32 << 20
MAX_DEPTH = 100
# Aliases of aliases multiply: a few can expand to more values than fit in memory.
MAX_VALUES = 2_000_000
MAX_DIGITS = 100
# What PyYAML raises for `!!int x`, `!!bool x`, impossible dates and the like.
InvalidValues = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
INVALID_VALUE = "contains a number or date that is invalid"
TOO_MANY_VALUES = "its YAML aliases expand to too many values"
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlFileError(ValueError):
    """The file cannot be read as YAML. The message does not name the file; `at` does."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line

    def at(self, path: Path) -> str:
        """`PATH:LINE: MESSAGE`, without the line where it is unknown."""
        return f"{path}:{self.line}: {self}" if self.line else f"{path}: {self}"


class Constructor(yaml.SafeLoader):
    """Makes plain values from nodes; raises YAMLError, or one of InvalidValues."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        # Python refuses to print long integers, even in an error.
        if len(node.value) > MAX_DIGITS:
            raise ValueError
        return int(super().construct_yaml_int(node))


Constructor.add_constructor("tag:yaml.org,2002:int", Constructor.construct_yaml_int)


def read_yaml(path: Path) -> Any:
    """The file's content as plain values."""
    text = read_text(path)
    try:
        root = parsed_nodes(text)
        if root is None:
            return None
        if values(root) > MAX_VALUES:
            raise YamlFileError(TOO_MANY_VALUES, 1)
        return Constructor("").construct_document(root)
    except YamlFileError:
        raise
    except yaml.YAMLError as err:
        raise syntax_error(err) from err
    except InvalidValues as err:
        raise YamlFileError(INVALID_VALUE) from err


def parsed_nodes(text: str) -> yaml.Node | None:
    """The document's root; raises YamlFileError if it is nested too deeply, and what PyYAML raises."""
    check_depth(text)
    loader = Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def values(root: yaml.Node) -> int:
    """The number of values after aliases are expanded; an alias of itself counts as more than MAX_VALUES."""
    return _values(root, {}, set())


def _values(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    if id(node) in above:
        return MAX_VALUES + 1
    if id(node) not in known:
        above.add(id(node))
        known[id(node)] = 1 + sum(_values(child, known, above) for child in _children(node))
        above.discard(id(node))
    return known[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair


def check_depth(text: str) -> None:
    """YamlFileError if the text is nested too deeply: libyaml's composer recurses, and would crash the process."""
    depth = 0
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise YamlFileError("is nested too deeply", event.start_mark.line + 1 if event.start_mark else None)


def read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return decoded(file)
    except OSError as err:
        raise YamlFileError(f"cannot be read: {err.strerror}") from err


def decoded(file: BinaryIO) -> str:
    """The text that the file contains, of at most MAX_BYTES."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise YamlFileError(f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise YamlFileError("is not UTF-8 text") from err


def syntax_error(err: Exception) -> YamlFileError:
    """An error raised by PyYAML or ruamel.yaml as one sentence; both keep the line in the same attributes."""
    mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
    reason = getattr(err, "problem", None) or str(err).splitlines()[0]
    return YamlFileError(f"is not valid YAML: {reason}", mark.line + 1 if mark else None)
