"""The labels of a catalog entry."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from services.catalog import Catalog, Model
from services.export.errors import NetworkError
from services.export.torchvision_weights import imagenet_labels

log = logging.getLogger(__name__)


def labels(catalog: Catalog, model: Model) -> tuple[str, ...]:
    """One label per output of the network, in order; raises NetworkError.

    Warns if labels occur more than once, and numbers them.
    """
    if model.labels == "imagenet":
        return imagenet_labels()
    path = catalog.labels_file(model)
    if path is None:
        return _numbered(model, model.labels)
    try:
        found = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise NetworkError(f"{model.name}: the labels file {path} cannot be read as UTF-8 text") from err
    if empty := [number for number, label in enumerate(found, 1) if not label.strip()]:
        raise NetworkError(f"{model.name}: {path}: line {empty[0]} is empty")
    return _numbered(model, found)


def _numbered(model: Model, found: Sequence[str]) -> tuple[str, ...]:
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
