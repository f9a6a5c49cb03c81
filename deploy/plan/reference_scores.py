"""The recorded scores of the models' own pipelines that a deployment is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.catalog import Catalog, Model

# More would take long after a cold start.
IMAGES = 2


@dataclass(frozen=True)
class ReferenceScores:
    """Of one model: the scores of every label, for each of a few images."""

    route: str
    images: tuple[tuple[Path, Mapping[str, float]], ...]


def reference_scores(catalog: Catalog, models: Iterable[Model]) -> tuple[ReferenceScores, ...]:
    """Of the models whose entries have a `reference`; raises CatalogError."""
    found = ((model, catalog.reference(model)) for model in models)
    return tuple(
        ReferenceScores(
            model.route, tuple((image.path, reference.by_label(image)) for image in reference.images[:IMAGES])
        )
        for model, reference in found
        if reference
    )
