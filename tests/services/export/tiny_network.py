"""Networks of the tests' own: for any number of labels, and for inputs of any size."""

from __future__ import annotations

import torch
from torch import nn


class Tiny(nn.Sequential):
    """One linear layer over 4 × 4 mean colours."""

    def __init__(self, labels: int, channels: int = 3) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * channels, labels))


class TinyNetwork(nn.Sequential):
    """float32 [n, channels, height, width] -> logits [n, 4]; reacts to colour, place and brightness."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__(
            nn.Conv2d(channels, 8, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Linear(48, 4)
        )


def random_weights(channels: int) -> dict[str, torch.Tensor]:
    """A state_dict; equal for equal `channels`."""
    torch.manual_seed(channels)
    state: dict[str, torch.Tensor] = TinyNetwork(channels).state_dict()
    return state
