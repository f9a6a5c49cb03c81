"""The product's OpenAPI document: `openapi.yaml` with the paths of each model and the addresses filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from gateway.document.parse import read_document
from services.catalog import Model

SOURCE = Path(__file__).parents[1] / "openapi.yaml"


class AddressError(ValueError):
    """An address is missing, or is not the root URL of a service."""


def openapi_document(
    models: Iterable[Model], addresses: Mapping[str, str], directory: str, *, host: str | None = None
) -> dict[str, Any]:
    """The document for Google API Gateway and for the local gateway.

    `addresses` maps each model's name to the root URL of its service, `directory` is the root URL of the directory, and
    `host` is the host name of the API, if known.
    """
    source = read_document(SOURCE).data
    directory = _root_url(directory, "the directory")
    shared = {"directory": directory}
    document = {
        "swagger": source["swagger"],
        "info": source["info"],
        **({"host": host} if host else {}),
        **{key: source[key] for key in ("schemes", "produces", "security", "securityDefinitions")},
        "tags": [tag for tag in source["tags"] if "{name}" not in tag["name"]],
        "paths": {path: _filled(item, shared) for path, item in source["paths"].items() if "{name}" not in path},
        **{key: source[key] for key in ("parameters", "responses", "definitions")},
    }
    metrics: list[Any] = []
    limits: list[Any] = []
    for model in models:
        if model.name not in addresses:
            raise AddressError(f"{model.name} has no address; pass --address {model.name}=URL")
        values = _values(model, _root_url(addresses[model.name], model.name), directory)
        document["tags"] += [_filled(tag, values) for tag in source["tags"] if "{name}" in tag["name"]]
        document["paths"] |= {
            _filled(path, values): _filled(_without_quota(item) if model.quota is None else item, values)
            for path, item in source["paths"].items()
            if "{name}" in path
        }
        if model.quota is not None:
            management = _filled(source["x-google-management"], values)
            metrics += management["metrics"]
            limits += management["quota"]["limits"]
    if metrics:
        document["x-google-management"] = {"metrics": metrics, "quota": {"limits": limits}}
    return document


def public_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without `x-google-` extensions, which contain the addresses of backends and the quotas."""

    def without_extensions(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {
                key: without_extensions(value) for key, value in node.items() if not str(key).startswith("x-google-")
            }
        if isinstance(node, list):
            return [without_extensions(item) for item in node]
        return node

    public: dict[str, Any] = without_extensions(document)
    # Without schemes and host, Swagger UI calls the host that served the document.
    return {key: value for key, value in public.items() if key not in ("schemes", "host")}


def as_yaml(document: Mapping[str, Any]) -> str:
    """The document as readable YAML: no aliases, and multi-line strings as blocks."""

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


def _values(model: Model, service: str, directory: str) -> dict[str, Any]:
    """The values of the placeholders in the source."""
    quota = "" if model.quota is None else f" and {model.quota} requests per minute and project"
    return {
        "name": model.name,
        "id": model.name.replace("-", "_"),
        "title": model.title,
        "service": service,
        "directory": directory,
        "deadline": int(model.deadline) if model.deadline.is_integer() else model.deadline,
        "quota": model.quota,
        "limits": f"This model has a deadline of {model.deadline:g} s{quota}.",
    }


def _filled(node: Any, values: Mapping[str, Any]) -> Any:
    """A copy of `node` with its placeholders replaced; a string that is only a placeholder takes the value's type."""
    if isinstance(node, Mapping):
        return {_filled(key, values): _filled(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(item, values) for item in node]
    if not isinstance(node, str):
        return node
    if (name := node[1:-1]) in values and node == f"{{{name}}}":
        return values[name]
    # In one pass, so that a value which looks like a placeholder stays as it is.
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), node)


def _without_quota(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        method: {key: value for key, value in operation.items() if key != "x-google-quota"}
        for method, operation in item.items()
    }


def _root_url(address: str, whose: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
        raise AddressError(f"the address of {whose} should be a root URL such as https://x.a.run.app, not {address!r}")
    return f"{parts.scheme}://{parts.netloc}"
