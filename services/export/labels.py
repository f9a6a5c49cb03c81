"""The labels of a catalog entry."""

from __future__ import annotations

from services.catalog import Catalog, Model
from services.export.errors import NetworkError
from services.export.torchvision_weights import imagenet_labels


def labels(catalog: Catalog, model: Model) -> tuple[str, ...]:
    """One label per output of the network, in order; raises NetworkError."""
    path = catalog.labels_file(model)
    if path is None:
        return imagenet_labels()
    try:
        found = tuple(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as err:
        raise NetworkError(f"{model.name}: the labels file {path} cannot be read as UTF-8 text") from err
    if empty := [number for number, label in enumerate(found, 1) if not label.strip()]:
        raise NetworkError(f"{model.name}: {path}: line {empty[0]} is empty")
    if len(set(found)) < len(found):
        duplicate = next(label for label in found if found.count(label) > 1)
        raise NetworkError(f"{model.name}: {path}: the label {duplicate!r} occurs twice")
    return found
