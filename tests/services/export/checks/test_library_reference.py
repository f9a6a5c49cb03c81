"""Models of timm and transformers are compared with their own libraries when they are exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.harness.saved_models import save_timm, save_transformers
from services.artifact import Receipt
from services.catalog import load_catalog
from services.export.cache_key import CacheKey
from services.export.checks.library_reference import compared_with_library
from services.export.errors import Disagreement
from services.export.exporter import export_model
from services.export.sources.network import built_network
from tests.services.export.own_model import small_input

pytestmark = pytest.mark.integration  # importing timm and transformers takes seconds

Export = Callable[[str, str], tuple[Path, Receipt]]


def save(library: str, name: str, folder: Path) -> None:
    """The folder of a model whose scores depend on the image more than those of random weights do."""
    module: Any = save_timm(name, folder, prepare=small_input) if library == "timm" else save_transformers(name, folder)
    last = [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(20)
    if library == "timm":
        from safetensors.torch import save_file

        save_file(module.state_dict(), folder / "model.safetensors")
    else:
        module.save_pretrained(folder)


def exported(folder: Path, entry: str = "") -> Receipt:
    path = folder / "models.yaml"
    path.write_text(f"models: {{own: {{weights: {{folder: model}}{entry}}}}}")
    catalog = load_catalog(path)
    model = catalog["own"]
    key = CacheKey.of(catalog, model, "fp16", None)
    return export_model(catalog, model, folder / "model", key, folder / "out", lambda _: None, lambda _: None)


@pytest.fixture(scope="module")
def export_once(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """A function from a library and a model's name to the folder with its catalog, and its receipt."""

    @cache
    def export(library: str, name: str) -> tuple[Path, Receipt]:
        folder = tmp_path_factory.mktemp(name)
        save(library, name, folder / "model")
        return folder, exported(folder)

    return export


@pytest.mark.parametrize(
    ("library", "name"),
    [
        pytest.param("timm", "convnext_atto", id="timm"),
        pytest.param("transformers", "vit", id="transformers"),
        # test_any_classifier adds it, which compares it too.
        pytest.param("transformers", "mobilevit", id="transformers-with-bgr", marks=pytest.mark.thorough),
    ],
)
def test_the_library_itself_is_the_reference(export_once: Export, library: str, name: str) -> None:
    reference = export_once(library, name)[1].reference
    assert reference["source"] == f"{library} itself"
    assert reference["single_precision"]["worst"] <= 0.05


def test_preprocessing_in_the_entry_has_no_reference(tmp_path: Path) -> None:
    save("timm", "resnet10t", tmp_path / "model")
    preprocess = "{resize: 72, crop: 64, interpolation: bilinear, mean: [0, 0, 0], std: [1, 1, 1]}"
    assert exported(tmp_path, f", preprocess: {preprocess}").reference == {}


def test_preprocessing_that_was_read_wrongly_is_refused_and_named(export_once: Export) -> None:
    folder, receipt = export_once("timm", "convnext_atto")
    catalog = load_catalog(folder / "models.yaml")
    network = built_network(catalog, catalog["own"], folder / "model")
    assert network.transform
    wrong = replace(network.preprocess, resize=(network.preprocess.height, network.preprocess.width))
    steps: list[str] = []
    with pytest.raises(Disagreement, match=r"differ from those in timm itself .*: crop instead of squash: write"):
        compared_with_library(
            replace(network, preprocess=wrong),
            network.transform,
            folder / "out/own",
            replace(receipt, preprocess=wrong),
            "timm",
            steps.append,
        )
    assert steps == ["looking for the cause of a difference, which can take minutes"]
