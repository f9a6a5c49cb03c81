"""YAML files, with errors as one sentence and a line number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

MAX_DEPTH = 100
# PyYAML raises ValueError for numbers of thousands of digits, for `!!int x` and for impossible dates.
INVALID_VALUE = "contains a number or date that is invalid"
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlFileError(ValueError):
    """The file cannot be read as YAML. The message does not name the file; `at` does."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line

    def at(self, path: Path) -> str:
        """`PATH:LINE: MESSAGE`, without the line where it is unknown."""
        return f"{path}:{self.line}: {self}" if self.line else f"{path}: {self}"


def read_yaml(path: Path) -> Any:
    """The file's content as plain values."""
    text = read_text(path)
    try:
        check_depth(text)
        return yaml.safe_load(text)
    except yaml.YAMLError as err:
        raise syntax_error(err) from err
    except (RecursionError, ValueError) as err:
        raise err if isinstance(err, YamlFileError) else YamlFileError(INVALID_VALUE) from err


def check_depth(text: str) -> None:
    """YamlFileError if the text is nested too deeply: libyaml's composer recurses, and would crash the process."""
    depth = 0
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise YamlFileError("is nested too deeply", event.start_mark.line + 1 if event.start_mark else None)


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as err:
        raise YamlFileError(f"cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise YamlFileError("is not UTF-8 text") from err


def syntax_error(err: Exception) -> YamlFileError:
    """An error raised by PyYAML or ruamel.yaml as one sentence; both keep the line in the same attributes."""
    mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
    reason = getattr(err, "problem", None) or str(err).splitlines()[0]
    return YamlFileError(f"is not valid YAML: {reason}", mark.line + 1 if mark else None)
