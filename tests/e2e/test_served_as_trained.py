"""A model with a reference and an evaluation, from its catalog entry to the running product."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from benchmarks.harness.process import end_process
from gateway.document.parse import read_document
from gateway.product.openapi_document import SOURCE
from services.export.record import record
from tests.e2e.conftest import started_product, wait_until_ready
from tests.services.export.digits import LABELS, catalog_file, image_files, predictor
from tests.strict_schema import schema_errors

pytestmark = pytest.mark.integration


def test_make_run_compares_the_served_scores_with_the_recorded_ones(tmp_path: Path) -> None:
    files = [file for file, _ in image_files(tmp_path / "images", 100)]
    record(predictor(), files[:20], tmp_path / "reference.jsonl", LABELS)
    evaluation = "{images: images, least_top1: 0.9, calibrate: true}"
    path = catalog_file(tmp_path, fields={"reference": "reference.jsonl", "evaluation": evaluation})
    product = started_product(tmp_path, f"--catalog={path}", f"--artifacts={tmp_path / 'artifacts'}")
    try:
        wait_until_ready(product)
        assert "Served as trained: /v1/models/digits returned the recorded scores." in product.printed
        card = requests.get(
            f"{product.gateway}/v1/models/digits", headers={"x-api-key": product.key}, timeout=30
        ).json()
        assert card["sure_from"] == card["receipt"]["evaluation"]["sure_from"]
        assert card["receipt"]["evaluation"]["top1"] >= 0.9
        assert schema_errors(read_document(SOURCE).data, "Card", card) == []
    finally:
        end_process(product.process)
