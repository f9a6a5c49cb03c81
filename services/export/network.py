"""Build the torch network of a catalog entry, with its weights, preprocessing and labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from services.artifact import Preprocess, ScoreFunction
from services.catalog import Catalog, Model
from services.export.architecture import architecture
from services.export.errors import NetworkError
from services.export.labels import labels
from services.export.preprocessing import preprocessing
from services.export.state_dict import load_state_dict


@dataclass(frozen=True)
class Network:
    """A torch module in evaluation mode, float32 [1, 3, crop, crop] -> outputs [1, labels].

    `scores` is the function that turns its outputs into scores.
    """

    module: torch.nn.Module
    preprocess: Preprocess
    labels: tuple[str, ...]
    scores: ScoreFunction


def built_network(catalog: Catalog, model: Model, weights: Path) -> Network:
    """The network of a catalog entry with its weights loaded; raises NetworkError."""
    names = labels(catalog, model)
    module = architecture(model, len(names))
    load_state_dict(model, module, weights)
    module.eval()
    network = Network(module, preprocessing(model), names, catalog.scores(model))
    side = network.preprocess.crop
    with torch.inference_mode():
        shape = tuple(module(torch.zeros(1, 3, side, side)).shape)
    if shape != (1, len(names)):
        raise NetworkError(f"{model.name}: the output's shape is {list(shape)}, but there are {len(names)} labels")
    return network
