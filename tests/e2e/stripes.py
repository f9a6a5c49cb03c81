"""A network of one's own, as small as can be: it tells which way the stripes of a picture run."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

LABELS = ("upright stripes", "level stripes", "no stripes")
SIDE = 64
MEAN = STD = 0.5


def network(channels: int = 8) -> torch.nn.Module:
    """float32 [n, 3, SIDE, SIDE] -> logits [n, 3]."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, channels, kernel_size=9, stride=4),
        torch.nn.BatchNorm2d(channels),
        torch.nn.ReLU(),
        torch.nn.AdaptiveMaxPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(channels, len(LABELS)),
    )


def pictures(seed: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """uint8 [SIDE, SIDE, 3] with their labels' numbers, without end: stripes of any width and colour, with noise."""
    chance = np.random.default_rng(seed)
    while True:
        label = int(chance.integers(len(LABELS)))
        wave = np.sin(np.arange(SIDE) * chance.uniform(0.5, 1.0) + chance.uniform(0, 6))
        stripes = np.zeros((SIDE, SIDE)) if label == 2 else np.broadcast_to(wave, (SIDE, SIDE))
        grey = (stripes.T if label == 1 else stripes)[..., None]
        noisy = 128 + 60 * grey * chance.uniform(0.6, 1, 3) + chance.normal(0, 12, (SIDE, SIDE, 3))
        yield noisy.clip(0, 255).astype(np.uint8), label


def trained(steps: int = 40) -> torch.nn.Module:
    """The network after a second or two of training; always the same one."""
    torch.manual_seed(0)
    module, source = network(), pictures(seed=1)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(steps):
        batch = [next(source) for _ in range(32)]
        images = torch.from_numpy(np.stack([image for image, _ in batch])).permute(0, 3, 1, 2) / 255
        loss = torch.nn.functional.cross_entropy(
            module((images - MEAN) / STD), torch.tensor([label for _, label in batch])
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()
    return module.eval()


def as_png(image: NDArray[np.uint8]) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
