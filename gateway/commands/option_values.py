"""The values of repeatable options such as `--backend URL=URL`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import typer

from gateway.origin import origin
from gateway.runtime import AddressPrefix, Target

Key = TypeVar("Key")
Value = TypeVar("Value")
H2C = "h2c://"


def backend_overrides(texts: Iterable[str]) -> dict[AddressPrefix, Target]:
    """The values of `--backend URL=URL`."""
    return _unique("--backend", (_backend_override(text) for text in texts))


def key_sets(texts: Iterable[str]) -> dict[str, Path]:
    """The values of `--jwks URL=FILE`."""
    return _unique("--jwks", (_key_set(text) for text in texts))


def placeholders(texts: Iterable[str]) -> dict[str, str]:
    """The values of `--set NAME=VALUE`."""
    return _unique("--set", (_placeholder(text) for text in texts))


def claims(texts: Iterable[str]) -> dict[str, Any]:
    """The values of `--claim NAME=VALUE`; VALUE is JSON or text."""
    return _unique("--claim", (_claim(text) for text in texts))


def default_backend(url: str | None) -> str | None:
    """The value of `--default-backend`."""
    if url is not None:
        _address(url, "--default-backend")
    return url


def split_pair(text: str, option: str, form: str) -> tuple[str, str]:
    """The two sides of an option's value such as NAME=URL."""
    left, equals, right = text.partition("=")
    if not equals or not left or not right:
        raise typer.BadParameter(f"should be {form}, not {text!r}", param_hint=option)
    return left, right


def _backend_override(text: str) -> tuple[AddressPrefix, Target]:
    documented, actual = split_pair(text, "--backend", "URL=URL")
    # The scheme of HTTP/2 without TLS.
    h2c = actual.startswith(H2C)
    target = _address(f"http://{actual.removeprefix(H2C)}" if h2c else actual, "--backend")
    if target.path:
        raise typer.BadParameter(f"{actual!r} has a path; write only scheme, host and port", param_hint="--backend")
    return _address(documented, "--backend"), Target(target.origin, h2c)


def _address(url: str, option: str) -> AddressPrefix:
    try:
        return AddressPrefix(origin(url), urlsplit(url).path.rstrip("/"))
    except ValueError as err:
        raise typer.BadParameter(f"{err}", param_hint=option) from err


def _key_set(text: str) -> tuple[str, Path]:
    # Split at the last `=`: the query of the URL may contain others.
    url, equals, file = text.rpartition("=")
    if not equals or not url or not file:
        raise typer.BadParameter(f"should be URL=FILE, not {text!r}", param_hint="--jwks")
    return url, Path(file)


def _placeholder(text: str) -> tuple[str, str]:
    name, value = split_pair(text, "--set", "NAME=VALUE")
    if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
        raise typer.BadParameter(f"{name!r} is not the name of a placeholder", param_hint="--set")
    if not value.isprintable():
        raise typer.BadParameter(f"the value of {name} is not one line of text", param_hint="--set")
    return name, value


def _claim(text: str) -> tuple[str, Any]:
    name, value = split_pair(text, "--claim", "NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _unique(option: str, pairs: Iterable[tuple[Key, Value]]) -> dict[Key, Value]:
    found: dict[Key, Value] = {}
    for key, value in pairs:
        if key in found:
            raise typer.BadParameter(f"{key} is given twice", param_hint=option)
        found[key] = value
    return found
