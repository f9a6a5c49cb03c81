"""Load a file that contains a whole network: TorchScript or torch.export."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from services.catalog import Model
from services.export.errors import NetworkError, first_line
from services.export.sources.weights_format import WeightsFormat

PROGRAMS = {WeightsFormat.TORCHSCRIPT, WeightsFormat.TORCH_EXPORT}


def saved_program(model: Model, path: Path, file_format: WeightsFormat) -> torch.nn.Module:
    """The network in evaluation mode; raises NetworkError."""
    try:
        with warnings.catch_warnings():
            # torch.jit is deprecated, but people still have such files.
            warnings.simplefilter("ignore", FutureWarning)
            if file_format is WeightsFormat.TORCHSCRIPT:
                script: torch.nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
                return script.eval()
        with _tensors_only():
            module = torch.export.load(path).module()
    except Exception as err:  # torch raises many kinds of errors for a file that it cannot load
        raise NetworkError(
            f"{model.name}: the weights are {file_format.value} that torch cannot load: {first_line(err)}"
        ) from err
    # The mode of an exported network is fixed, and its own methods only raise; OpenVINO calls them.
    for name in ("eval", "train"):
        setattr(module, name, lambda *_: module)
    return module


@contextmanager
def _tensors_only() -> Iterator[None]:
    """torch.export unpickles any object by default."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
