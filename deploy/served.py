"""What the directory is given: the public document, and in it the list of the models that are served."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.errors import SettingsError
from gateway.product.document import public_document
from services.catalog import Catalog, Model

# The only thing in the document that is not OpenAPI's: what `GET /v1/models` answers.
LISTING = "x-guichet-models"
# What one version of a secret holds at most; a hundred models take about 25 kB.
SECRET_BYTES = 65536


def served(catalog: Catalog, models: Iterable[Model], document: Mapping[str, Any]) -> str:
    """The public document as JSON, with the list of the models."""
    return json.dumps({**public_document(document), LISTING: listing(catalog, models)}, ensure_ascii=False) + "\n"


def packed(text: str) -> bytes:
    """The text for a secret, which is text itself: gzip in base64, the same bytes for the same text."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0))


def must_fit(text: str) -> str:
    """The text; SettingsError where it is more than a secret holds."""
    size = len(packed(text))
    if size > SECRET_BYTES:
        raise SettingsError(
            f"What the directory would list of the models takes {size:,} bytes, and a secret holds {SECRET_BYTES:,}:"
            " divide the catalog between two projects."
        )
    return text


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
