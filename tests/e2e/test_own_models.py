"""`make run` with a catalog of one's own: a single label, and 21,841 of them, behind the same gateway."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.conftest import Product, started_product, wait_until_ready
from tests.running import ROOT, Photo, end_process
from tests.services.export.own_models import MODELS, catalog_of_all

pytestmark = pytest.mark.integration
NAMES = ("ripe", "imagenet-21k")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, photos: list[Photo]) -> Iterator[Product]:
    """The system with two models of the tests' own; the first names a sample image."""
    folder = tmp_path_factory.mktemp("own")
    catalog = catalog_of_all(folder)
    (folder / "a sample.jpg").write_bytes(photos[0].data)
    catalog.write_text(catalog.read_text().replace("labels: [ripe]", "labels: [ripe]\n    samples: [a sample.jpg]"))
    options = (f"--catalog={catalog}", f"--models={','.join(NAMES)}", f"--artifacts={folder / 'out'}")
    running = started_product(folder, *options)
    try:
        wait_until_ready(running)
        yield running
    finally:
        end_process(running.process)


def test_the_list_and_the_cards_say_how_many_labels_there_are_and_how_they_are_scored(own: Product) -> None:
    headers = {"x-api-key": own.key}
    listed = requests.get(f"{own.gateway}/v1/models", headers=headers, timeout=10).json()["models"]
    cards = [requests.get(own.gateway + model["card"], headers=headers, timeout=10).json() for model in listed]
    expected = [(name, MODELS[name].count, MODELS[name].scores) for name in NAMES]
    assert [(model["name"], model["labels"], model["scores"]) for model in listed] == expected
    assert [(card["name"], card["labels"], card["scores"]) for card in cards] == expected


def test_the_printed_curl_line_sends_the_models_sample(own: Product, photos: list[Photo]) -> None:
    run = subprocess.run([*own.curl, "--silent"], cwd=ROOT, capture_output=True, timeout=30, check=True)
    (prediction,) = json.loads(run.stdout)
    assert prediction["label"] == "ripe"
    assert 0 < prediction["score"] < 1
    assert [prediction] == own.predict("ripe", photos[0].data).json()


def test_any_number_of_labels_may_be_asked_for(own: Product, photos: list[Photo]) -> None:
    assert len(own.predict("ripe", photos[0].data, top_k="10").json()) == 1
    found = own.predict("imagenet-21k", photos[0].data, top_k="21841").json()
    assert len({row["label"] for row in found}) == MODELS["imagenet-21k"].count
    assert sum(row["score"] for row in found) == pytest.approx(1, abs=0.02)
    (raw,) = own.predict("ripe", photos[0].data, function_to_apply="none").json()
    (scored,) = own.predict("ripe", photos[0].data).json()
    assert raw["score"] != scored["score"]
