"""Build the torch network of a catalog entry, with its weights, preprocessing and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image

from services.artifact import ScoreFunction
from services.catalog import Catalog, Model
from services.catalog.model_folder import WEIGHTS
from services.export.errors import NetworkError, first_line
from services.export.sources.architecture import architecture
from services.export.sources.labels import distinct, labels
from services.export.sources.library_model import library_model
from services.export.sources.onnx_model import onnx_module
from services.export.sources.outputs import unwrapped
from services.export.sources.preprocessing import preprocessing
from services.export.sources.saved_program import PROGRAMS, saved_program
from services.export.sources.state_dict import load_state_dict
from services.export.sources.weights_format import WeightsFormat, weights_format
from services.preprocess import Preprocess


@dataclass(frozen=True)
class Network:
    """A torch module in evaluation mode, float32 [1, channels, height, width] -> outputs [1, labels].

    `scores` is the function that turns its outputs into scores. `transform` is how its library prepares an image, if
    the entry does not say otherwise.
    """

    module: torch.nn.Module
    preprocess: Preprocess
    labels: tuple[str, ...]
    scores: ScoreFunction
    # What was done to make the weights fit, for the person who exports; may be empty.
    note: str = ""
    transform: Callable[[Image.Image], torch.Tensor] | None = None


def built_network(catalog: Catalog, model: Model, weights: Path) -> Network:
    """The network of a catalog entry with its weights loaded; raises NetworkError."""
    if model.has_folder:
        network = _library_network(catalog, model, weights)
    else:
        names = labels(catalog, model)
        module, note = _loaded(catalog, model, weights, len(names))
        network = Network(module, preprocessing(model), names, catalog.scores(model), note)
    example = torch.zeros(network.preprocess.input_shape)
    try:
        module = unwrapped(model.name, network.module, example)
        with torch.inference_mode():
            outputs = module(example)
    except NetworkError:
        raise
    except Exception as err:  # a user's module may raise anything
        raise NetworkError(
            f"{model.name}: the network cannot run on an input of {list(example.shape)}: {first_line(err)}"
        ) from err
    if outputs.shape != (1, len(network.labels)):
        raise NetworkError(
            f"{model.name}: the output's shape is {list(outputs.shape)}, but there are {len(network.labels)} labels"
        )
    if not outputs.isfinite().all():
        raise NetworkError(
            f"{model.name}: the network's outputs are not finite numbers: its training may have diverged; take an"
            " earlier checkpoint"
        )
    return replace(network, module=module)


def _library_network(catalog: Catalog, model: Model, folder: Path) -> Network:
    """From a folder of timm or transformers; what the entry says wins."""
    found = library_model(model, folder, catalog.config(model))
    names = found.labels if model.labels == "weights" else labels(catalog, model)
    if names is None:
        raise NetworkError(
            f"{model.name}: the folder has no names for its {catalog.config(model).label_count} outputs; add `labels`"
            " to the entry"
        )
    if isinstance(model.preprocess, Preprocess):
        preprocess, transform = model.preprocess, None
    else:
        preprocess, transform = found.preprocess(model.name), found.transform
    return Network(found.module, preprocess, distinct(model, names), catalog.scores(model), transform=transform)


def _loaded(catalog: Catalog, model: Model, weights: Path, outputs: int) -> tuple[torch.nn.Module, str]:
    """The module in evaluation mode, and what was done to make its weights fit."""
    file = weights / WEIGHTS if weights.is_dir() else weights
    file_format = weights_format(model, file)
    if file_format in (*PROGRAMS, WeightsFormat.ONNX):
        if model.architecture is not None:
            raise NetworkError(
                f"{model.name}: the weights are {file_format.value}, which contains the whole network; remove"
                " `architecture` from the entry"
            )
        if file_format is WeightsFormat.ONNX:
            return onnx_module(model, file), ""
        return saved_program(model, file, file_format), ""
    if model.architecture is None:
        raise NetworkError(
            f"{model.name}: the weights are {file_format.value}, which contains tensors alone; add `architecture` to"
            " the entry (`add … --architecture=NAME`)"
        )
    module = architecture(model, outputs, catalog.folder)
    note = load_state_dict(model, module, file)
    return module.eval(), note
