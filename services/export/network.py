"""Catalog entry and weights -> a torch network with its preprocessing and labels."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision

from services.artifact import Preprocess
from services.catalog import Catalog, DottedCallable, Model
from services.export.errors import NetworkError


@dataclass(frozen=True)
class Network:
    """A torch module in evaluation mode, float32 [1, 3, crop, crop] -> logits [1, labels], and what belongs to it."""

    module: torch.nn.Module
    preprocess: Preprocess
    labels: tuple[str, ...]


def built_network(catalog: Catalog, model: Model, weights: Path) -> Network:
    """The network of a catalog entry with its weights loaded; raises NetworkError."""
    names = labels(catalog, model)
    module = _architecture(model, len(names))
    _load(model, module, weights)
    module.eval()
    network = Network(module, preprocessing(model), names)
    side = network.preprocess.crop
    with torch.inference_mode():
        shape = tuple(module(torch.zeros(1, 3, side, side)).shape)
    if shape != (1, len(names)):
        raise NetworkError(f"{model.name}: answers {list(shape)} for one image, but there are {len(names)} labels")
    return network


def preprocessing(model: Model) -> Preprocess:
    """What the entry writes out, or what torchvision's weights say."""
    if isinstance(model.preprocess, Preprocess):
        return model.preprocess
    recipe = torchvision_weights(model).transforms()
    return Preprocess(
        resize=recipe.resize_size[0],
        crop=recipe.crop_size[0],
        interpolation=recipe.interpolation.value,
        mean=tuple(recipe.mean),
        std=tuple(recipe.std),
    )


def labels(catalog: Catalog, model: Model) -> tuple[str, ...]:
    """One label per output, in order."""
    path = catalog.labels_file(model)
    if path is None:
        return tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
    try:
        found = tuple(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as err:
        raise NetworkError(f"{model.name}: the labels {path} cannot be read as UTF-8 text") from err
    if empty := [number for number, label in enumerate(found, 1) if not label.strip()]:
        raise NetworkError(f"{model.name}: {path}: line {empty[0]} is empty")
    if len(set(found)) < len(found):
        twice = next(label for label in found if found.count(label) > 1)
        raise NetworkError(f"{model.name}: {path}: the label {twice!r} stands there twice")
    return found


def torchvision_weights(model: Model) -> Any:
    """torchvision's own description of the weights that the entry names."""
    try:
        return torchvision.models.get_model_weights(model.architecture)[model.weights]
    except ValueError as err:
        raise NetworkError(f"{model.name}: torchvision has no model {model.architecture!r}") from err
    except KeyError as err:
        known = ", ".join(w.name for w in torchvision.models.get_model_weights(model.architecture))
        raise NetworkError(f"{model.name}: torchvision's {model.architecture} has the weights {known}") from err


def _architecture(model: Model, outputs: int) -> torch.nn.Module:
    try:
        if isinstance(model.architecture, DottedCallable):
            module = _resolved(model, model.architecture)(**model.architecture.arguments)
        else:
            module = torchvision.models.get_model(model.architecture, weights=None, num_classes=outputs)
    except NetworkError:
        raise
    except Exception as err:  # a user's callable may raise anything
        raise NetworkError(f"{model.name}: the architecture cannot be built: {err}") from err
    if not isinstance(module, torch.nn.Module):
        raise NetworkError(f"{model.name}: the architecture makes a {type(module).__name__}, not a torch module")
    return module


def _resolved(model: Model, architecture: DottedCallable) -> Callable[..., Any]:
    where, _, path = architecture.callable.partition(":")
    try:
        found: Any = importlib.import_module(where)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as err:
        raise NetworkError(f"{model.name}: {architecture.callable} cannot be imported: {err}") from err
    if not callable(found):
        raise NetworkError(f"{model.name}: {architecture.callable} is not a callable")
    return found  # type: ignore[no-any-return]  # what a user's module holds is only known at run time


def _load(model: Model, module: torch.nn.Module, weights: Path) -> None:
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as err:  # whatever the unpickler stumbles over in a file that is none
        raise NetworkError(f"{model.name}: the weights are not a torch state_dict of plain tensors") from err
    try:
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as err:
        raise NetworkError(f"{model.name}: the weights do not fit the architecture: {_first_line(err)}") from err


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else lines[0]
