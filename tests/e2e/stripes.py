"""A tiny trained network that classifies the direction of stripes: the example of a user's own model."""

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


def images(seed: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Endless pairs of a noisy uint8 [SIDE, SIDE, 3] image and the index of its label."""
    random = np.random.default_rng(seed)
    while True:
        label = int(random.integers(len(LABELS)))
        wave = np.sin(np.arange(SIDE) * random.uniform(0.5, 1.0) + random.uniform(0, 6))
        stripes = np.zeros((SIDE, SIDE)) if label == 2 else np.broadcast_to(wave, (SIDE, SIDE))
        grey = (stripes.T if label == 1 else stripes)[..., None]
        noisy = 128 + 60 * grey * random.uniform(0.6, 1, 3) + random.normal(0, 12, (SIDE, SIDE, 3))
        yield noisy.clip(0, 255).astype(np.uint8), label


def trained(steps: int = 40) -> torch.nn.Module:
    """The network after two seconds of training, with a fixed seed."""
    torch.manual_seed(0)
    module, source = network(), images(seed=1)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(steps):
        batch = [next(source) for _ in range(32)]
        inputs = torch.from_numpy(np.stack([image for image, _ in batch])).permute(0, 3, 1, 2) / 255
        loss = torch.nn.functional.cross_entropy(
            module((inputs - MEAN) / STD), torch.tensor([label for _, label in batch])
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        optimiser.step()
    return module.eval()


def encoded_png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
