"""Add an entry to a catalog file, keeping its comments and its layout."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from services.catalog import CatalogError, load_catalog


@dataclass(frozen=True)
class Field:
    """A value of an entry, and why it has it."""

    value: Any
    reason: str


Draft = Mapping[str, Field]


def entry_text(name: str, draft: Draft) -> str:
    """The entry as it appears in the catalog."""
    return _dumped(CommentedMap({name: _entry(draft)}))


def add_entry(path: Path, name: str, draft: Draft) -> None:
    """Write the entry to the end of the catalog's models; raises CatalogError, and then leaves the file unchanged."""
    before = path.read_text(encoding="utf-8") if path.is_file() else "models:\n"
    document = _yaml().load(before)
    if document.get("models") is None:
        document["models"] = CommentedMap()
    if name in document["models"]:
        raise CatalogError(f"{path}: {name}: exists already; choose another name with --name, or edit the entry")
    document["models"][name] = _entry(draft)
    new = path.with_name(f".{path.name}.new")
    new.write_text(_dumped(document), encoding="utf-8")
    try:
        load_catalog(new)
    except CatalogError as err:
        new.unlink()
        raise CatalogError(str(err).replace(str(new), str(path))) from err
    new.rename(path)


def _entry(draft: Draft) -> CommentedMap:
    entry = CommentedMap()
    for key, field in draft.items():
        entry[key] = _flow(field.value)
        entry.yaml_add_eol_comment(field.reason, key)
    return entry


def _flow(value: Any) -> Any:
    """The value, with mappings and lists on one line."""
    if isinstance(value, Mapping):
        flow: Any = CommentedMap({key: _flow(part) for key, part in value.items()})
    elif isinstance(value, list | tuple):
        flow = CommentedSeq([_flow(part) for part in value])
    else:
        return value
    flow.fa.set_flow_style()
    return flow


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    return yaml


def _dumped(document: CommentedMap) -> str:
    text = io.StringIO()
    _yaml().dump(document, text)
    return text.getvalue()
