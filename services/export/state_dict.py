"""Load a file of weights into a torch module."""

from __future__ import annotations

from pathlib import Path

import torch

from services.catalog import Model
from services.export.errors import NetworkError


def load_state_dict(model: Model, module: torch.nn.Module, weights: Path) -> None:
    """Raises NetworkError. Runs no code from the file: only plain tensors are unpickled."""
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as err:  # torch raises many kinds of errors for a file in another format
        raise NetworkError(f"{model.name}: the weights are not a torch state_dict of plain tensors") from err
    try:
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as err:
        raise NetworkError(f"{model.name}: the weights do not fit the architecture: {_first_detail(err)}") from err


def _first_detail(error: Exception) -> str:
    """torch's first line is a heading; the details follow, one a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else lines[0]
