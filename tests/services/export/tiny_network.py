"""A network for the tests of any number of labels."""

from __future__ import annotations

import torch


class Tiny(torch.nn.Sequential):
    """One linear layer over 4 × 4 mean colours."""

    def __init__(self, labels: int) -> None:
        super().__init__(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, labels))
