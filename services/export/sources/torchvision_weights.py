"""What torchvision knows about its own pretrained weights."""

from __future__ import annotations

import os
from typing import Any

import torchvision

from services.catalog import Model
from services.export.errors import NetworkError

HOST = "https://download.pytorch.org"


def torchvision_weights(model: Model) -> Any:
    """torchvision's description of the weights that the entry names; raises NetworkError."""
    try:
        return torchvision.models.get_model_weights(model.architecture)[model.weights]
    except ValueError as err:
        raise NetworkError(f"{model.name}: torchvision has no model {model.architecture!r}") from err
    except KeyError as err:
        known = ", ".join(weights.name for weights in torchvision.models.get_model_weights(model.architecture))
        raise NetworkError(
            f"{model.name}: torchvision's {model.architecture} has no weights {model.weights!r}; it has {known}"
        ) from err


def torchvision_url(model: Model) -> str:
    """The URL of those weights; the variable TORCHVISION_MIRROR replaces PyTorch's host."""
    url = str(torchvision_weights(model).url)
    return url.replace(HOST, os.environ.get("TORCHVISION_MIRROR", HOST).rstrip("/"), 1)


def imagenet_labels() -> tuple[str, ...]:
    """ImageNet's thousand labels, in their usual order."""
    return tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
