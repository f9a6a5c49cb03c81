"""The catalog of models: `services/models.yaml`, or a file of one's own."""

from services.catalog.catalog import IMAGENET_LABELS, Catalog, CatalogError
from services.catalog.load import DEFAULT_PATH, NAME, catalog_path, load_catalog
from services.catalog.model import CARD_FIELDS, SERVICE_FIELDS, Model

__all__ = [
    "CARD_FIELDS",
    "DEFAULT_PATH",
    "IMAGENET_LABELS",
    "NAME",
    "SERVICE_FIELDS",
    "Catalog",
    "CatalogError",
    "Model",
    "catalog_path",
    "load_catalog",
]
