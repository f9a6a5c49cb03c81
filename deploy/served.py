"""What the directory is given: the public document, and in it the list of the models that are served."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.spec import public_document
from services.catalog import Catalog, Model

# The only thing in the document that is not OpenAPI's: what `GET /v1/models` answers.
LISTING = "x-guichet-models"


def served(catalog: Catalog, models: Iterable[Model], document: Mapping[str, Any]) -> str:
    """The public document as JSON, with the list of the models."""
    return json.dumps({**public_document(document), LISTING: listing(catalog, models)}, ensure_ascii=False) + "\n"


def listing(catalog: Catalog, models: Iterable[Model]) -> list[dict[str, Any]]:
    """What the list says of each model; its card says the rest."""
    return [
        {
            "name": model.name,
            "title": model.title,
            # Only torchvision knows what its weights take; the model's card says it.
            "input": None
            if isinstance(model.preprocess, str)
            else {"width": model.preprocess.crop, "height": model.preprocess.crop},
            "labels": catalog.label_count(model),
            "precision": model.precision,
            "deadline": model.deadline,
            "card": model.route,
            "ready": f"{model.route}/ready",
            "predict": f"{model.route}/predict",
        }
        for model in models
    ]
