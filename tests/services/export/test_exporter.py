"""From a catalog entry to served scores: those of the trained network with its library's own transforms."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from benchmarks.harness.photos import Photo
from services.artifact import read_receipt
from services.catalog import load_catalog
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.parameters import Parameters
from services.classifier.pipeline import Network, Pipeline
from services.export.cache_key import CacheKey
from services.export.exporter import export_model
from tests.services.export.own_model import CATALOG
from tests.services.export.tiny_network import TinyNetwork, random_weights

pytestmark = pytest.mark.integration  # importing torchvision starts a process

Native = Callable[[Image.Image], torch.Tensor]
# Of a score: half precision in the artifact and bfloat16 in the service, and for JPEGs the decoder.
CLOSE = 0.02


@dataclass(frozen=True)
class Case:
    """An entry's preprocessing as YAML, and its native form: an RGB image -> float32 [channels, height, width]."""

    preprocess: str
    native: Native
    channels: int = 3


def native(*transforms: Any) -> Native:
    compose: Native = v2.Compose([*transforms, v2.PILToTensor(), v2.ToDtype(torch.float32)])
    return compose


def contained(image: Image.Image) -> Image.Image:
    ratio = max(image.width, image.height) / 96
    small = image.resize((round(image.width / ratio), round(image.height / ratio)), Image.Resampling.BILINEAR)
    ground = Image.new("RGB", (96, 96), (9, 20, 30))
    ground.paste(small, ((96 - small.width) // 2, (96 - small.height) // 2))
    return ground


CASES = {
    "not-square": Case(
        "{resize: 96, crop: [64, 96], interpolation: bicubic, mean: [0.1, 0.5, 0.9], std: [0.2, 0.3, 0.4]}",
        lambda image: v2.functional.normalize(
            native(v2.Resize(96, v2.InterpolationMode.BICUBIC), v2.CenterCrop((64, 96)))(image) / 255,
            [0.1, 0.5, 0.9],
            [0.2, 0.3, 0.4],
        ),
    ),
    "gray": Case(
        "{resize: 72, crop: 64, interpolation: bilinear, channels: gray, mean: [0.4], std: [0.2]}",
        lambda image: (native(v2.Grayscale(), v2.Resize(72), v2.CenterCrop(64))(image) / 255 - 0.4) / 0.2,
        channels=1,
    ),
    "squash": Case(
        "{resize: [80, 64], crop: [80, 64], interpolation: lanczos, mean: [0.5], std: [0.5]}",
        lambda image: native(v2.Resize((80, 64), v2.InterpolationMode.LANCZOS))(image) / 127.5 - 1,
    ),
    "border": Case(
        "{resize: [96, 96], fit: contain, crop: 96, border: [9, 20, 30], interpolation: bilinear, mean: [0], std: [1]}",
        lambda image: native()(contained(image)) / 255,
    ),
    "bgr-of-caffe": Case(
        "{resize: 72, crop: 64, interpolation: bilinear, channels: bgr, scale: 1, mean: [104, 117, 123], std: [60]}",
        lambda image: v2.functional.normalize(
            native(v2.Resize(72), v2.CenterCrop(64))(image).flip(0), [104, 117, 123], [60] * 3
        ),
    ),
    "scale-alone": Case(
        "{resize: 72, crop: 64, interpolation: nearest, scale: 0.0078125}",
        lambda image: native(v2.Resize(72, v2.InterpolationMode.NEAREST), v2.CenterCrop(64))(image) / 128,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_scores_of_the_artifact_are_those_of_the_native_pipeline(
    tmp_path: Path, photos: list[Photo], name: str, kind: str
) -> None:
    case = CASES[name]
    served, module = exported(tmp_path, case)
    for photo in photos[:4]:
        with Image.open(photo.path) as opened:
            image = opened.convert("RGB").crop((0, 40, 512, 400))
        data = encoded(image, kind)
        with Image.open(io.BytesIO(data)) as stored, torch.inference_mode():
            expected = module(case.native(stored.convert("RGB"))[None])[0].softmax(0).numpy()
        np.testing.assert_allclose(scores(served, data), expected, atol=CLOSE)


def test_fp32_gives_the_scores_of_torch_on_every_cpu(tmp_path: Path, photos: list[Photo]) -> None:
    """Without it, bfloat16 changes them by 0.001 or more, where the CPU has it."""
    served, module = exported(tmp_path, CASES["gray"], "fp32")
    for photo in photos[:4]:
        with Image.open(photo.path) as opened, torch.inference_mode():
            image = opened.convert("RGB")
            expected = module(CASES["gray"].native(image)[None])[0].softmax(0).numpy()
        np.testing.assert_allclose(scores(served, encoded(image, "PNG")), expected, atol=2e-4)


def exported(folder: Path, case: Case, precision: str = "fp16") -> tuple[Pipeline, torch.nn.Module]:
    """The pipeline that serves a new artifact, and the network it was made from."""
    weights = folder / "own.pth"
    torch.save(random_weights(case.channels), weights)
    (folder / "labels.txt").write_text("0\n1\n2\n3\n")
    text = CATALOG.replace("WEIGHTS", f"{{file: {weights.name}}}").replace(
        "architecture: shufflenet_v2_x0_5",
        "architecture: {callable: tests.services.export.tiny_network:TinyNetwork, arguments:"
        f" {{channels: {case.channels}}}}}",
    )
    line = next(line for line in text.splitlines() if line.startswith("    preprocess:"))
    path = folder / "models.yaml"
    path.write_text(text.replace(line, f"    preprocess: {case.preprocess}"))
    catalog = load_catalog(path)
    model = catalog["own"]
    receipt = export_model(
        catalog,
        model,
        weights,
        CacheKey.of(catalog, model, precision, None),
        folder / "artifacts",
        step=lambda _: None,
        note=lambda _: None,
    )
    artifact = folder / "artifacts" / "own"
    assert read_receipt(artifact).preprocess == receipt.preprocess == model.preprocess
    module = TinyNetwork(case.channels)
    module.load_state_dict(torch.load(weights))
    decode = partial(decoded_pixels, preprocess=receipt.preprocess)
    return Pipeline(decode, Network.load(artifact, receipt)), module.eval()


def encoded(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": 92} if kind == "JPEG" else {}))
    return stream.getvalue()


def scores(pipeline: Pipeline, data: bytes) -> list[float]:
    """In the order of the labels."""
    predictions = json.loads(pipeline.predict(data, Parameters(4)).body)
    return [one["score"] for one in sorted(predictions, key=lambda one: int(one["label"]))]
