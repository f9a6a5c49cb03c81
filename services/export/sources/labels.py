"""The labels of a catalog entry."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence

from services.catalog import Catalog, Model
from services.export.errors import NetworkError
from services.export.sources.torchvision_weights import imagenet_labels

log = logging.getLogger(__name__)


def labels(catalog: Catalog, model: Model) -> tuple[str, ...]:
    """One label per output of the network, in order; raises NetworkError.

    Warns if labels occur more than once, and numbers them.
    """
    if model.labels == "imagenet":
        return imagenet_labels()
    path = catalog.labels_file(model)
    if path is None:
        return distinct(model, model.labels)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as err:
        raise NetworkError(
            f"{model.name}: the labels file {path} does not exist; correct `labels` in the entry"
        ) from err
    except (OSError, UnicodeDecodeError) as err:
        raise NetworkError(
            f"{model.name}: the labels file {path} cannot be read as UTF-8 text; save it as UTF-8"
        ) from err
    if not text.strip() or _is_json(text):
        kind = "JSON" if text.strip() else "empty"
        raise NetworkError(f"{model.name}: the labels file {path} is {kind}; write one label per line")
    found = text.splitlines()
    if empty := [number for number, label in enumerate(found, 1) if not label.strip()]:
        raise NetworkError(f"{model.name}: {path}: line {empty[0]} is empty")
    return distinct(model, found)


def _is_json(text: str) -> bool:
    """Whether it is a JSON object or array, and so not a list of labels one per line."""
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def distinct(model: Model, found: Sequence[str]) -> tuple[str, ...]:
    """The labels, numbered if they occur more than once; warns about that."""
    if repeated := [label for label, times in Counter(found).items() if times > 1]:
        log.warning(
            "%s: %d of the labels occur more than once; the second %r is served as %r, and so on",
            model.name,
            len(repeated),
            repeated[0],
            f"{repeated[0]} (2)",
        )
    return numbered(found)


def numbered(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels in order, all different: the second `crane` becomes `crane (2)`."""
    given, times = set(labels), Counter[str]()
    result = []
    for label in labels:
        times[label] += 1
        while times[label] > 1 and f"{label} ({times[label]})" in given:
            times[label] += 1
        result.append(label if times[label] == 1 else f"{label} ({times[label]})")
    return tuple(result)
