"""Give a network with random weights scores that depend on the image, as those of a trained one do."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# The standard deviation of each label's output. With ten labels, the best score is then 0.7 on average.
SPREAD = 4.0


def make_decisive(module: nn.Module, inputs: torch.Tensor, labels: int, *, statistics: bool = False) -> None:
    """Scale and shift the last layer, so that each label has the mean 0 and the deviation SPREAD over `inputs`.

    Without this, the scores of random weights are nearly the same for all images. With `statistics`, the normalisation
    layers take theirs from `inputs` first, for networks whose outputs are otherwise the same to seven digits.
    """
    module.eval()
    if statistics:
        _set_statistics(module, inputs)
    outputs: dict[nn.Linear, torch.Tensor] = {}

    def keep(layer: Any, _: Any, result: torch.Tensor) -> None:
        outputs[layer] = result.reshape(-1, labels)

    last = [layer for layer in module.modules() if isinstance(layer, nn.Linear) and layer.out_features == labels]
    hooks = [layer.register_forward_hook(keep) for layer in last]
    with torch.no_grad():
        module(inputs)
        for layer, result in outputs.items():
            factor = SPREAD / result.std(0)
            layer.weight.mul_(factor[:, None])
            layer.bias.sub_(result.mean(0)).mul_(factor)
    for hook in hooks:
        hook.remove()


def _set_statistics(module: nn.Module, inputs: torch.Tensor) -> None:
    layers = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in layers:
        layer.train()
        layer.momentum = 1.0  # replaces the statistics by those of the next batch
    with torch.no_grad():
        module(inputs)
    for layer in layers:
        layer.eval()
