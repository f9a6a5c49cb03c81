"""Images of models from a catalog of one's own: code beside the catalog, and a folder that timm has saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.harness.photos import Photo
from benchmarks.harness.saved_models import LABELS, save_timm
from tests.images.containers import Containers
from tests.images.source import Source
from tests.services.export.tiny_network import Tiny

pytestmark = [pytest.mark.integration, pytest.mark.images, pytest.mark.timeout(1800)]

CATALOG = "services/own/models.yaml"
ENTRIES = """
models:
  flowers:
    architecture: {callable: "helpers:network", arguments: {labels: 3}}
    weights: {file: flowers.pth}
    preprocess: {resize: [64, 64], crop: [64, 64], interpolation: bilinear, mean: [0.5], std: [0.5]}
    labels: [rose, tulip, daisy]
  saved:
    weights: {folder: saved}
"""
HELPERS = """
from layers import linear

def network(labels):
    return linear(16 * 3, labels)
"""
LAYERS = """
from torch import nn

def linear(inputs, labels):
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(inputs, labels))
"""


@pytest.fixture(scope="module")
def network(source: Source) -> torch.nn.Module:
    """Writes the catalog and all that it names into the source; the network of `flowers`."""
    folder = (source.root / CATALOG).parent
    folder.mkdir()
    (folder / "models.yaml").write_text(ENTRIES)
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "layers.py").write_text(LAYERS)
    torch.manual_seed(3)
    module = Tiny(3).eval()
    torch.save(module.state_dict(), folder / "flowers.pth")
    save_timm("resnet10t", folder / "saved")
    return module


def scores(network: torch.nn.Module, photo: Path) -> list[float]:
    """Torch's scores of a photo."""
    with Image.open(photo) as image:
        pixels = np.array(image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR))
    inputs = (torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - 0.5) / 0.5
    with torch.inference_mode():
        found: list[float] = network(inputs.unsqueeze(0)).softmax(1)[0].tolist()
    return found


def test_a_callable_beside_the_catalog_and_what_it_imports_become_part_of_the_build(
    source: Source, network: torch.nn.Module, started: Containers, photos: list[Photo]
) -> None:
    built = source.build("flowers", CATALOG)
    with started.start(built.image, {"GUICHET_SANDBOX": "required"}, {}) as running:
        predictions = {row["label"]: row["score"] for row in running.ask("/predict", photos[0].data).json}
    expected = dict(zip(("rose", "tulip", "daisy"), scores(network, photos[0].path), strict=True))
    assert predictions == pytest.approx(expected, abs=0.01)

    (source.root / CATALOG).with_name("layers.py").write_text(f"# changed\n{LAYERS}")
    assert source.build("flowers", CATALOG).ran("services.export --output")


def test_the_folder_of_a_library_is_enough_for_an_image(
    source: Source, network: torch.nn.Module, started: Containers, photos: list[Photo]
) -> None:
    with started.start(source.build("saved", CATALOG).image, {"GUICHET_SANDBOX": "required"}, {}) as running:
        assert {row["label"] for row in running.ask("/predict", photos[0].data).json} == set(LABELS)
        assert running.ask("/model").json["labels"] == len(LABELS)
