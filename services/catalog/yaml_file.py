"""Read YAML files that others have written: limits on size, depth and repetition, and one sentence for each mistake."""

from __future__ import annotations

import os
import re
import stat
from functools import partial
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError, MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 50
# With every alias and merge key counted as often as it repeats its anchor.
MAX_VALUES: Final = 20_000
INTEGER: Final = "tag:yaml.org,2002:int"
MAX_DIGITS: Final = 100
# The scanner's time grows with the square of a tag's length.
LONG_TAG: Final = re.compile(r"(?:^|[\s\[{,:-])!\S{200}", re.MULTILINE)
# On each bracket, the scanner looks at all that are open.
TOO_DEEP: Final = re.compile(rf"(?:[\[{{]\s*){{{MAX_DEPTH + 1}}}")

# The constructors of numbers, dates and the like raise these for text that is none.
INVALID_VALUE: Final = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    RecursionError,
)


class YamlFileError(Exception):
    """The file cannot be read; the message names it."""


def read_yaml(path: Path, max_values: int = MAX_VALUES) -> Any:
    """The file's content as plain values; raises YamlFileError."""
    return parsed(read_text(path), path, max_values)


def parsed(text: str, path: Path, max_values: int = MAX_VALUES) -> Any:
    """The text as plain values; raises YamlFileError, which names `path`."""
    if TOO_DEEP.search(text):
        raise YamlFileError(f"{path}: is nested more than {MAX_DEPTH} levels deep")
    if LONG_TAG.search(text):
        raise YamlFileError(f"{path}: contains a tag that is too long")
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    composer: Any = partial(_LimitedComposer, max_values=max_values)
    yaml.Composer = composer
    try:
        return yaml.load(text)
    except MaxDepthExceededError as err:
        raise YamlFileError(f"{path}:{_line(err)} is nested more than {MAX_DEPTH} levels deep") from err
    except MarkedYAMLError as err:
        raise YamlFileError(f"{path}:{_line(err)} {str(err.problem).splitlines()[0]}") from err
    except YAMLError as err:
        raise YamlFileError(f"{path}: contains a character that YAML does not allow") from err
    except INVALID_VALUE as err:
        raise YamlFileError(f"{path}: contains a value that does not fit its type") from err


class _LimitedComposer(Composer):
    """Counts the values of a document, repeated ones too, before any of them is built."""

    def __init__(self, loader: Any = None, *, max_values: int) -> None:
        super().__init__(loader)
        self._max_values = max_values
        self.warn_double_anchors = False
        self._values = 0
        # By anchor: the number of values in it; None while it is being read.
        self._sizes: dict[str, int | None] = {}

    def compose_node(self, parent: Any, index: Any) -> Node:
        event = self.parser.peek_event()
        before = self._values
        is_alias = isinstance(event, AliasEvent)
        if is_alias and self._sizes.get(event.anchor, 0) is None:
            raise ComposerError(None, None, f"the alias {event.anchor!r} is part of its own anchor", event.start_mark)
        self._values += 1 + ((self._sizes.get(event.anchor) or 0) if is_alias else 0)
        if self._values > self._max_values:
            raise ComposerError(None, None, f"has more than {self._max_values:,} values", event.start_mark)
        if event.anchor and not is_alias:
            self._sizes[event.anchor] = None
        node: Node = super().compose_node(parent, index)
        if event.anchor and not is_alias:
            self._sizes[event.anchor] = self._values - before
        if isinstance(node, MappingNode) and not all(isinstance(key, ScalarNode) for key, _ in node.value):
            raise ComposerError(None, None, "a key should be text", event.start_mark)
        # Python refuses to print long integers, even in an error.
        if isinstance(node, ScalarNode) and node.tag == INTEGER and len(node.value) > MAX_DIGITS:
            raise ComposerError(None, None, f"has an integer of more than {MAX_DIGITS} digits", event.start_mark)
        return node


def read_text(path: Path) -> str:
    """The text of a regular file in UTF-8 of at most MAX_BYTES; raises YamlFileError."""
    try:
        # Do not wait for the writer of a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise YamlFileError(f"{path}: is not a file")
            content = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise YamlFileError(f"{path}: cannot be read: {err.strerror}") from err
    if len(content) > MAX_BYTES:
        raise YamlFileError(f"{path}: is larger than {MAX_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise YamlFileError(f"{path}: is not UTF-8 text") from err


def _line(error: MarkedYAMLError) -> str:
    return f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
