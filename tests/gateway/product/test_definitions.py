"""The definitions of responses, with values made without a running service."""

from typing import Any

import pytest

from deploy.plan.desired_state import listing
from gateway.document.parse import read_document
from gateway.product.openapi_document import SOURCE
from services.catalog import load_catalog
from tests.strict_schema import schema_errors

DOCUMENT = read_document(SOURCE).data
CARD: dict[str, Any] = {
    "name": "a",
    "title": "A",
    "architecture": "torchvision.models.resnet50",
    "input": {"width": 224, "height": 224, "formats": ["image/jpeg"], "max_bytes": 1},
    "labels": 1000,
    "scores": "softmax",
    "precision": "fp16",
    "description": "Garden flowers",
    "license": "apache-2.0",
    "source": "https://example.com/flowers",
    "intended_use": "Photos of single flowers",
    "version": "0",
    "receipt": {"anything": "goes"},
}


def test_the_listing_has_exactly_the_documented_fields() -> None:
    catalog = load_catalog()
    assert schema_errors(DOCUMENT, "Models", {"models": listing(catalog, catalog)}) == []


def test_a_documented_card_fits() -> None:
    assert schema_errors(DOCUMENT, "Card", CARD) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"added": 1}, id="undocumented-field"),
        pytest.param({"input": {**CARD["input"], "added": 1}}, id="undocumented-field-below"),
        pytest.param({"labels": "1000"}, id="wrong-type"),
        pytest.param({"scores": "relu"}, id="wrong-value"),
    ],
)
def test_a_card_that_differs_from_its_definition_does_not_fit(change: dict[str, Any]) -> None:
    assert len(schema_errors(DOCUMENT, "Card", CARD | change)) == 1
