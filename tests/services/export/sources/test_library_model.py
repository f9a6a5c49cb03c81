"""Folders of timm and transformers, compared with what the libraries make of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.harness.photos import Photo
from benchmarks.harness.saved_models import (
    LABELS,
    MORE_OF_TRANSFORMERS,
    TIMM,
    TRANSFORMERS,
    save_timm,
    save_transformers,
    transformers_models,
)
from services.catalog import CatalogError, load_catalog
from services.classifier.decoding.pixels import decoded_pixels
from services.export.errors import NetworkError
from services.export.sources.network import Network, built_network

# They start no process, but take a second or two each.
pytestmark = pytest.mark.integration


def network_of(folder: Path, entry: str = "") -> Network:
    """The network of a catalog that names the folder `model` beside it."""
    path = folder / "models.yaml"
    path.write_text(f"models: {{own: {{weights: {{folder: model}}{entry}}}}}")
    catalog = load_catalog(path)
    return built_network(catalog, catalog["own"], folder / "model")


def require_same(
    network: Network, tensors: list[torch.Tensor], logits: list[torch.Tensor], photos: list[Photo]
) -> None:
    """The network computes what the library computes, and is given the images that the library would give it."""
    mean, std = (
        torch.tensor(values).view(-1, 1, 1) for values in (network.preprocess.pixel_mean, network.preprocess.pixel_std)
    )
    for tensor, expected, photo in zip(tensors, logits, photos, strict=True):
        with torch.inference_mode():
            torch.testing.assert_close(network.module(tensor[None])[0], expected)
        theirs = (tensor * std + mean).permute(1, 2, 0).numpy()
        if network.preprocess.channels == "bgr":
            theirs = theirs[..., ::-1]
        ours = decoded_pixels(photo.data, network.preprocess)
        assert ours.shape == theirs.shape
        # The service decodes JPEG at a reduced size; another size or a shift makes three times as much.
        assert np.abs(ours - theirs).mean() < 4


@pytest.mark.parametrize("name", TIMM)
def test_a_model_of_timm_is_loaded_with_its_labels_and_preprocessing(
    tmp_path: Path, photos: list[Photo], name: str
) -> None:
    import timm

    module = save_timm(name, tmp_path / "model")
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(module), is_training=False)
    tensors = [transform(image(photo)) for photo in photos[:3]]
    with torch.inference_mode():
        logits = [module(tensor[None])[0] for tensor in tensors]
    network = network_of(tmp_path)
    assert network.labels == LABELS
    require_same(network, tensors, logits, photos[:3])


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_model_of_transformers_is_loaded_with_its_labels_and_preprocessing(
    tmp_path: Path, photos: list[Photo], name: str
) -> None:
    import transformers

    module = save_transformers(name, tmp_path / "model")
    processor: Any = transformers.AutoImageProcessor.from_pretrained(tmp_path / "model")
    tensors = [processor(image(photo), return_tensors="pt")["pixel_values"][0] for photo in photos[:3]]
    with torch.inference_mode():
        logits = [module(tensor[None]).logits[0] for tensor in tensors]
    network = network_of(tmp_path)
    assert network.labels == LABELS
    require_same(network, tensors, logits, photos[:3])


def image(photo: Photo) -> Image.Image:
    return Image.open(io.BytesIO(photo.data)).convert("RGB")


def test_what_the_entry_says_wins(tmp_path: Path) -> None:
    save_timm("resnet10t", tmp_path / "model")
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    preprocess = "{resize: 72, crop: 64, interpolation: bilinear, mean: [0, 0, 0], std: [1, 1, 1]}"
    network = network_of(tmp_path, f", labels: labels.txt, preprocess: {preprocess}")
    assert network.labels == ("a", "b", "c", "d")
    assert (network.preprocess.crop, network.preprocess.mean) == (64, (0, 0, 0))


def test_labels_of_timm_may_be_numbered_or_described_or_imagenets(tmp_path: Path) -> None:
    import timm

    names, words = {str(number): f"n{number}" for number in range(4)}, {"n0": "aardvark"}
    save_timm("resnet10t", tmp_path / "model", label_names=names, label_descriptions=words)
    assert network_of(tmp_path).labels == ("aardvark", "n1", "n2", "n3")
    timm.models.save_for_hf(timm.create_model("resnet10t"), str(tmp_path / "model"), safe_serialization=True)
    assert network_of(tmp_path).labels[281] == "tabby"
    save_timm("resnet10t", tmp_path / "model", label_names=None)
    with pytest.raises(NetworkError, match="no names for its 4 outputs; add `labels`"):
        network_of(tmp_path)


def test_preprocessing_that_the_service_does_not_do_is_refused_by_name(tmp_path: Path) -> None:
    save_transformers("vit", tmp_path / "model")
    path = tmp_path / "model/preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": {"longest_edge": 224, "shortest_edge": 224}}))
    with pytest.raises(NetworkError, match=r"has a size of another kind: .*; write out `preprocess`"):
        network_of(tmp_path)


def test_a_network_without_a_trained_classifier_is_refused(tmp_path: Path) -> None:
    import transformers

    assert transformers_models().keys() == {*TRANSFORMERS, *MORE_OF_TRANSFORMERS}
    _, config, processor = transformers_models()["resnet"]
    transformers.ResNetModel(config).save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    with pytest.raises(CatalogError, match="ResNetModel is not an image classifier"):
        network_of(tmp_path)
    text = (tmp_path / "model/config.json").read_text().replace("ResNetModel", "ResNetForImageClassification")
    (tmp_path / "model/config.json").write_text(text)
    with pytest.raises(NetworkError, match=r"do not contain classifier.1.bias, which the classifier needs"):
        network_of(tmp_path)


def test_a_model_of_timm_by_name_takes_weights_from_a_file(tmp_path: Path) -> None:
    module = save_timm("resnet10t", tmp_path / "model")
    entry = {
        "architecture": {"timm": "resnet10t", "arguments": {"stem_width": 32}},
        "weights": {"file": "model/model.safetensors"},
        "preprocess": {"resize": 72, "crop": 64, "interpolation": "bilinear", "mean": [0] * 3, "std": [1] * 3},
        "labels": "labels.txt",
    }
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    (tmp_path / "models.yaml").write_text(json.dumps({"models": {"own": entry}}))
    catalog = load_catalog(tmp_path / "models.yaml")
    network = built_network(catalog, catalog["own"], tmp_path / "model/model.safetensors")
    assert torch.equal(network.module(torch.ones(1, 3, 64, 64)), module(torch.ones(1, 3, 64, 64)))
    assert catalog.library(catalog["own"]) == "timm"
