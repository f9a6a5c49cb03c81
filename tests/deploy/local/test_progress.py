from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT
from deploy.local.progress import curl_line, page_samples, sample_image
from services.catalog import Catalog, load_catalog

CATALOG = """
defaults: {preprocess: weights, precision: fp16, cpu: 1, memory: 512Mi, concurrency: 8, min_instances: 0,
           max_instances: 4, deadline: 60, quota: null, architecture: resnet18, weights: IMAGENET1K_V1}
models:
  imagenet: {title: ImageNet, labels: imagenet}
  flowers: {title: Flowers, labels: [rose, tulip], samples: [a rose.jpg]}
  digits: {title: Digits, labels: ["0", "1"]}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    path = tmp_path / "models.yaml"
    path.write_text(CATALOG)
    (tmp_path / "a rose.jpg").touch()
    return load_catalog(path)


def test_the_sample_suits_the_model(tmp_path: Path, catalog: Catalog) -> None:
    imagenet = sample_image(catalog, catalog["imagenet"])
    assert imagenet is not None
    assert (ROOT / imagenet).is_file()
    assert sample_image(catalog, catalog["flowers"]) == tmp_path / "a rose.jpg"
    assert sample_image(catalog, catalog["digits"]) is None


def test_the_page_offers_the_images_of_the_entries_and_those_for_imagenet_only_if_a_model_knows_them(
    tmp_path: Path, catalog: Catalog
) -> None:
    rose, digits, imagenet = tmp_path / "a rose.jpg", catalog["digits"], catalog["imagenet"]
    assert page_samples(catalog, [catalog["flowers"]]) == {"a rose.jpg": rose}
    assert page_samples(catalog, [catalog["flowers"], digits]) == {"flowers-a rose.jpg": rose}
    assert page_samples(catalog, [digits]) == {}
    assert page_samples(catalog, [imagenet, digits]).keys() == {"chelsea.jpg", "coffee.jpg", "rocket.jpg"}


def test_the_curl_line_sends_the_sample_or_an_image_of_ones_own(catalog: Catalog) -> None:
    line = curl_line(catalog["flowers"], Path("a rose.jpg"), 8080, "it's secret")
    address = "http://127.0.0.1:8080/v1/models/flowers/predict"
    assert shlex.split(line) == ["curl", "-H", "x-api-key: it's secret", "--data-binary", "@a rose.jpg", address]
    assert "@IMAGE.jpg" in curl_line(catalog["digits"], None, 8080, "local")
