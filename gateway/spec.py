"""The product's OpenAPI document: the pattern in `openapi.yaml`, repeated for every model, with real addresses."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from services.catalog import Model

PATTERN = Path(__file__).with_name("openapi.yaml")


class AddressError(ValueError):
    """An address that is missing, or is not the root of a service."""


def openapi_document(
    models: Iterable[Model], addresses: Mapping[str, str], directory: str, *, host: str | None = None
) -> dict[str, Any]:
    """The document that Google API Gateway takes and the local gateway runs on.

    `addresses` maps each model's name to the root URL of its service, `directory` is the root URL of the directory, and
    `host` is the name under which the API is reached, where it is known.
    """
    pattern = _pattern()
    directory = _root(directory, "the directory")
    once = {"directory": directory}
    document = {
        "swagger": pattern["swagger"],
        "info": pattern["info"],
        **({"host": host} if host else {}),
        **{key: pattern[key] for key in ("schemes", "produces", "security", "securityDefinitions")},
        "tags": [tag for tag in pattern["tags"] if "{name}" not in tag["name"]],
        "paths": {path: _filled(item, once) for path, item in pattern["paths"].items() if "{name}" not in path},
        "responses": pattern["responses"],
        "definitions": pattern["definitions"],
    }
    metrics: list[Any] = []
    limits: list[Any] = []
    for model in models:
        if model.name not in addresses:
            raise AddressError(f"{model.name} has no address: give --address {model.name}=URL")
        words = _words(model, _root(addresses[model.name], model.name), directory)
        document["tags"] += [_filled(tag, words) for tag in pattern["tags"] if "{name}" in tag["name"]]
        document["paths"] |= {
            _filled(path, words): _filled(_without_quota(item) if model.quota is None else item, words)
            for path, item in pattern["paths"].items()
            if "{name}" in path
        }
        if model.quota is not None:
            management = _filled(pattern["x-google-management"], words)
            metrics += management["metrics"]
            limits += management["quota"]["limits"]
    if metrics:
        document["x-google-management"] = {"metrics": metrics, "quota": {"limits": limits}}
    return document


def public_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same document for everyone to read: nothing in it says what stands behind the gateway, or bounds it."""

    def without_extensions(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {
                key: without_extensions(value) for key, value in node.items() if not str(key).startswith("x-google-")
            }
        if isinstance(node, list):
            return [without_extensions(item) for item in node]
        return node

    public: dict[str, Any] = without_extensions(document)
    # Without schemes and host, a page that shows the document calls the host that it came from.
    return {key: value for key, value in public.items() if key not in ("schemes", "host")}


def as_yaml(document: Mapping[str, Any]) -> str:
    """The document as YAML that a person likes to read: no aliases, and paragraphs as paragraphs."""

    def readable(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: readable(value) for key, value in node.items()}
        if isinstance(node, list):
            return [readable(item) for item in node]
        return LiteralScalarString(node) if isinstance(node, str) and "\n" in node else node

    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = StringIO()
    yaml.dump(readable(document), text)
    return text.getvalue()


def _words(model: Model, service: str, directory: str) -> dict[str, Any]:
    """What stands in the pattern's braces."""
    asked = "" if model.quota is None else f" and {model.quota} requests per minute and project"
    return {
        "name": model.name,
        "id": model.name.replace("-", "_"),
        "title": model.title,
        "service": service,
        "directory": directory,
        "deadline": int(model.deadline) if model.deadline.is_integer() else model.deadline,
        "quota": model.quota,
        "limits": f"This model has a deadline of {model.deadline:g} s{asked}.",
    }


def _filled(node: Any, words: Mapping[str, Any]) -> Any:
    """A copy of `node` with every word in braces replaced; a string that is nothing else takes the word's own type."""
    if isinstance(node, Mapping):
        return {_filled(key, words): _filled(value, words) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(item, words) for item in node]
    if not isinstance(node, str):
        return node
    for word, value in words.items():
        if node == f"{{{word}}}":
            return value
        node = node.replace(f"{{{word}}}", str(value))
    return node


def _without_quota(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        method: {key: value for key, value in operation.items() if key != "x-google-quota"}
        for method, operation in item.items()
    }


def _root(address: str, whose: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
        raise AddressError(f"the address of {whose} should be a root URL such as https://x.a.run.app, not {address!r}")
    return f"{parts.scheme}://{parts.netloc}"


def _pattern() -> dict[str, Any]:
    pattern: dict[str, Any] = YAML(typ="safe", pure=True).load(PATTERN)
    for item in pattern["paths"].values():
        for operation in item.values():
            operation["responses"] = {str(code): response for code, response in operation["responses"].items()}
    return copy.deepcopy(pattern)
