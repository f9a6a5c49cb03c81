"""Types of the catalog's fields that become text for others, files or code."""

from __future__ import annotations

import re
import reprlib
import sys
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field


def short(value: Any) -> str:
    """The value as Python writes it, without the middle of one that is long."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = 100
    return writer.repr(value)


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError(f"should be one line of printable text, not {short(value)}")
    return value


def _one_line(value: str) -> str:
    return _printable(" ".join(value.split()))


def _relative(value: str) -> str:
    path = PurePosixPath(value)
    if not value.isprintable() or "\\" in value or path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"should be a relative path without `..`, not {short(value)}")
    return value


def _not_of_python(value: str) -> str:
    if re.split("[.:]", value)[0] in sys.stdlib_module_names:
        raise ValueError(f"should be in a package or beside the catalog, not in Python's library: {short(value)}")
    return value


# For people. It may look like markup, a variable or a placeholder; documents, scripts and pages show it as it is.
Text = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_printable)]
LongText = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_one_line)]
# A file inside a folder; `Catalog.inside` refuses links that lead out of it.
RelativePath = Annotated[str, AfterValidator(_relative)]
# For `package.module:Class.method`: no function of Python's own, such as os.system.
NotOfPython = AfterValidator(_not_of_python)
