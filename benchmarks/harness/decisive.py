"""Give a network with random weights scores that depend on the image, as those of a trained one do."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# The standard deviation of each label's output. With ten labels, the best score is then 0.7 on average.
SPREAD = 4.0
# Outputs that vary by a smaller part of their size are the same for all images, as far as half precision can tell.
VARIES = 1e-3


def make_decisive(module: nn.Module, inputs: torch.Tensor, labels: int) -> None:
    """Scale and shift the last layer: over `inputs`, each label then has the mean 0 and the standard deviation SPREAD.

    Without this, the scores of random weights are nearly the same for all images. If the outputs are the same, the
    normalisation layers first take their statistics from `inputs`, as in training.
    """
    module.eval()
    for layer in _last_layers(module, labels):
        if not layer.weight.any():  # some of timm's networks begin with zeros
            nn.init.normal_(layer.weight, std=0.02)
    outputs = _last_outputs(module, inputs, labels)
    if any((result.std(0) <= VARIES * result.abs().mean(0)).any() for result in outputs.values()):
        _set_statistics(module, inputs)
        outputs = _last_outputs(module, inputs, labels)
    with torch.no_grad():
        for layer, result in outputs.items():
            factor = SPREAD / result.std(0)
            layer.weight.mul_(factor[:, None])
            layer.bias.sub_(result.mean(0)).mul_(factor)


def _last_layers(module: nn.Module, labels: int) -> list[nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear) and layer.out_features == labels]


def _last_outputs(module: nn.Module, inputs: torch.Tensor, labels: int) -> dict[nn.Linear, torch.Tensor]:
    """[images, labels] of each last layer; some networks have two, and take their mean."""
    outputs: dict[nn.Linear, torch.Tensor] = {}

    def keep(layer: Any, _: Any, result: torch.Tensor) -> None:
        outputs[layer] = result.reshape(-1, labels)

    hooks = [layer.register_forward_hook(keep) for layer in _last_layers(module, labels)]
    with torch.no_grad():
        module(inputs)
    for hook in hooks:
        hook.remove()
    return outputs


def _set_statistics(module: nn.Module, inputs: torch.Tensor) -> None:
    layers = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in layers:
        layer.train()
        layer.momentum = 1.0  # replaces the statistics by those of the next batch
    with torch.no_grad():
        module(inputs)
    for layer in layers:
        layer.eval()
