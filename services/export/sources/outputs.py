"""Make a network return one tensor, the scores' logits, whatever its library returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from services.export.errors import NetworkError

# The name of the classifier's output where a network returns several by name.
LOGITS = "logits"


class OneOutput(torch.nn.Module):
    """The network with one of its outputs."""

    def __init__(self, module: torch.nn.Module, key: str | int) -> None:
        super().__init__()
        self.module, self.key = module, key

    def forward(self, pixels: torch.Tensor) -> Any:
        """That output."""
        return _named(self.module(pixels))[self.key]


def unwrapped(model: str, module: torch.nn.Module, example: torch.Tensor) -> torch.nn.Module:
    """The network, or that with the only output that can be meant; raises NetworkError with the names otherwise."""
    with torch.inference_mode():
        result = module(example)
    if isinstance(result, torch.Tensor):
        return module
    outputs = {key: value for key, value in _named(result).items() if isinstance(value, torch.Tensor)}
    if LOGITS in outputs:
        return OneOutput(module, LOGITS).eval()
    if len(outputs) == 1:
        return OneOutput(module, next(iter(outputs))).eval()
    if not outputs:
        raise NetworkError(f"{model}: the network returns a {type(result).__name__}, not a tensor")
    listed = ", ".join(f"{key} {list(value.shape)}" for key, value in outputs.items())
    raise NetworkError(
        f"{model}: the network has several outputs: {listed}; make it return one, or name the classifier's {LOGITS!r}"
    )


def _named(result: Any) -> dict[str | int, Any]:
    """The outputs by name, or by number in a tuple or list."""
    if isinstance(result, Mapping):
        return dict(result)
    if hasattr(result, "_asdict"):
        return dict(result._asdict())
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    if isinstance(result, tuple | list):
        return dict(enumerate(result))
    return dict(getattr(result, "__dict__", {}))
