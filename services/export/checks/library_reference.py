"""Compare an artifact with what timm or transformers make of the same images, with their own transforms."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from services.artifact import Receipt
from services.catalog.reference import Reference, ReferenceImage
from services.classifier.predictions import SCORES
from services.export.checks.reference_check import require_reference
from services.export.checks.sample_images import generated_images
from services.export.sources.network import Network
from services.preprocess import Preprocess

# An RGB or gray image -> the network's input, float32 [channels, height, width].
Transform = Callable[[Image.Image], torch.Tensor]

IMAGES = 12
# Not square, so that squash and crop differ, and larger than most inputs.
SIZE = Preprocess(resize=(360, 480), crop=(360, 480), interpolation="bilinear", scale=1.0)


def compared_with_library(
    network: Network, transform: Transform, folder: Path, receipt: Receipt, library: str, step: Callable[[str], None]
) -> dict[str, Any]:
    """The measured differences on generated images, for the receipt; raises Disagreement with the likeliest cause.

    `step` is called with the name of a step that can take minutes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        reference = library_reference(network, transform, image_files(Path(temporary)))
        return require_reference(network, folder, receipt, reference, f"{library} itself", step)


def library_reference(network: Network, transform: Transform, images: list[Path]) -> Reference:
    """The scores of the original network for images that its library prepares."""
    mode = "L" if network.preprocess.channels == "gray" else "RGB"
    found = []
    for path in images:
        with Image.open(path) as image, torch.inference_mode():
            outputs = network.module(transform(image.convert(mode))[None])[0].numpy()
        found.append(ReferenceImage(path, tuple(SCORES[network.scores](outputs).tolist())))
    return Reference(network.labels, tuple(found))


def image_files(folder: Path) -> list[Path]:
    """Generated images in new files, JPEG and PNG in turn."""
    files = []
    for number, pixels in enumerate(generated_images(SIZE).pixels[:IMAGES]):
        files.append(folder / f"{number}.{('jpg', 'png')[number % 2]}")
        Image.fromarray(pixels).save(files[-1])
    return files
