"""Read the catalog: YAML to models, with every mistake of the file at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.catalog.catalog import Catalog, CatalogError
from services.catalog.entry import weights_kind
from services.catalog.fields import short
from services.catalog.mistakes import sentences
from services.catalog.model import Model
from services.catalog.yaml_file import YamlFileError, read_yaml

DEFAULT_PATH = Path(__file__).parents[1] / "models.yaml"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


def catalog_path(environment: Mapping[str, str]) -> Path:
    """The catalog's file: the variable CATALOG, or `services/models.yaml`."""
    return Path(environment.get("CATALOG") or DEFAULT_PATH)


def load_catalog(path: Path = DEFAULT_PATH) -> Catalog:
    """The catalog in `path`.

    Raises CatalogError with all mistakes, each with file, model, field and what was expected.
    """
    document = _read(path)
    defaults, entries = document.get("defaults") or {}, document.get("models")
    mistakes = [
        f"{key}: is not a field; the top-level fields are `defaults` and `models`"
        for key in document
        if key not in ("defaults", "models")
    ]
    if not isinstance(defaults, dict):
        mistakes.append(f"defaults: should be a mapping of fields, not {short(defaults)}")
        defaults = {}
    mistakes += [
        f"defaults/{field}: is not a field of a model"
        for field in defaults
        if field not in Model.model_fields or field == "name"
    ]
    if not isinstance(entries, dict) or not entries:
        mistakes.append(f"models: should be a mapping with at least one model, not {short(entries)}")
        entries = {}
    known = {field: value for field, value in defaults.items() if field in Model.model_fields}
    models = []
    for name, entry in entries.items():
        try:
            models.append(_model(name, entry, known))
        except EntryError as err:
            mistakes += err.mistakes
    if mistakes:
        raise CatalogError("\n".join(f"{path}: {mistake}" for mistake in dict.fromkeys(mistakes)))
    return Catalog(path, models)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = read_yaml(path)
    except YamlFileError as err:
        raise CatalogError(str(err)) from err
    if not isinstance(document, dict):
        raise CatalogError(f"{path}: should be a mapping with `models`, not {short(document)}")
    return document


class EntryError(Exception):
    """The mistakes of one entry, each with model and field."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__(*mistakes)
        self.mistakes = mistakes


def _model(name: Any, entry: Any, defaults: dict[str, Any]) -> Model:
    """The entry as a model; raises EntryError."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise EntryError(
            f"{str(name)[:80]}: is not a model name: a lower-case letter, then lower-case letters, digits and dashes,"
            " not a dash at the end; at most 40 characters"
        )
    if not isinstance(entry, dict):
        raise EntryError(f"{name}: should be a mapping of fields, not {short(entry)}")
    if "name" in entry:
        raise EntryError(f"{name}/name: is not a field; the key of the entry is its name")
    try:
        # As JSON, because pydantic's strict mode accepts a list for a tuple only there.
        text = json.dumps({"title": name, **_labels_default(entry), **defaults, **entry, "name": name}, default=str)
        return Model.model_validate_json(text)
    except ValidationError as err:
        mistakes = [
            f"{'defaults' if field in defaults and field not in entry else name}{sentence}"
            for field, sentence in sentences(err)
        ]
        raise EntryError(*mistakes) from err
    except (TypeError, ValueError) as err:
        raise EntryError(f"{name}: contains a value that is neither text nor a number") from err


def _labels_default(entry: dict[str, Any]) -> dict[str, str]:
    """A folder of a library has its labels with it."""
    return {"labels": "weights"} if weights_kind(entry.get("weights")) in ("hub", "folder") else {}
