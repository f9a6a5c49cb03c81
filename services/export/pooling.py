"""Replace poolings that OpenVINO refuses by equal ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def convertible_pools(module: nn.Module, example: torch.Tensor) -> Iterator[None]:
    """Inside the block, an average over a window that is larger than its input is a global average.

    OpenVINO refuses such windows, which transformers' EfficientNet has. `example` is an input of the network.
    """
    pools = _oversized(module, example)
    for parent, name, _ in pools:
        setattr(parent, name, nn.AdaptiveAvgPool2d(1))
    try:
        yield
    finally:
        for parent, name, pool in pools:
            setattr(parent, name, pool)


def _oversized(module: nn.Module, example: torch.Tensor) -> list[tuple[nn.Module, str, nn.Module]]:
    """Each such layer, with its parent and its name there."""
    layers = [
        (parent, name, layer)
        for parent in module.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.AvgPool2d) and layer.ceil_mode and not layer.padding
    ]
    found = set[nn.Module]()

    def compare(layer: Any, inputs: tuple[torch.Tensor], _: Any) -> None:
        height, width = _pair(layer.kernel_size)
        if height >= inputs[0].shape[-2] and width >= inputs[0].shape[-1]:
            found.add(layer)

    hooks = [layer.register_forward_hook(compare) for _, _, layer in layers]
    if layers:
        with torch.inference_mode():
            module(example)
    for hook in hooks:
        hook.remove()
    return [one for one in layers if one[2] in found]


def _pair(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else size
