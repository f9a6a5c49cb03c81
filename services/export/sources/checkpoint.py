"""Read the tensors of a weights file, as trainers write it."""

from __future__ import annotations

import pickletools
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from services.catalog import Model
from services.export.errors import NetworkError
from services.export.sources.weights_format import SAVE_STATE_DICT, WeightsFormat, weights_format

State = Mapping[str, torch.Tensor]
# Where trainers put the state_dict in a checkpoint. Averaged weights come first: they are the ones that were evaluated.
WRAPPERS = ("state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model")
# The number of steps that torch.optim.swa_utils.AveragedModel counts in its state_dict.
AVERAGED = "n_averaged"


@dataclass(frozen=True)
class Candidate:
    """A state_dict of a checkpoint; `key` is its place there, empty if the whole file is the state_dict."""

    key: str
    state: State


def candidates(model: Model, path: Path) -> list[Candidate]:
    """The state_dicts in the file, the preferred one first; raises NetworkError. Runs no code from the file."""
    content = _content(model, path)
    if not isinstance(content, Mapping):
        raise NetworkError(
            f"{model.name}: the weights are a {type(content).__name__}, not a state_dict; {SAVE_STATE_DICT}"
        )
    if any(_is_quantised(content.get(key)) for key in WRAPPERS) or _is_quantised(content):
        raise NetworkError(
            f"{model.name}: the weights are those of a network that torch has quantised; save the network before it is"
            " quantised, and write `precision: int8` in the entry"
        )
    found = [Candidate(key, _tensors(content[key])) for key in WRAPPERS if _tensors(content.get(key))]
    if _tensors(content) or not content:
        found.insert(0, Candidate("", _tensors(content)))
    if not found and "param_groups" in content:
        raise NetworkError(
            f"{model.name}: the weights are the state of an optimizer, not of a network; {SAVE_STATE_DICT}"
        )
    if not found:
        keys = ", ".join(str(key) for key in list(content)[:5])
        raise NetworkError(
            f"{model.name}: the weights are a checkpoint without a state_dict that the export knows (it has {keys});"
            f" {SAVE_STATE_DICT}"
        )
    return found


def _is_quantised(value: Any) -> bool:
    """Whether a state_dict has quantised tensors, or the packed ones of a quantised layer."""
    return isinstance(value, Mapping) and any(
        "_packed_params" in str(key) or (isinstance(tensor, torch.Tensor) and tensor.is_quantized)
        for key, tensor in value.items()
    )


def _tensors(value: Any) -> dict[str, torch.Tensor]:
    """The state_dict without counters; empty if `value` is something else."""
    if not isinstance(value, Mapping):
        return {}
    state = {key: tensor for key, tensor in value.items() if key != AVERAGED}
    if all(isinstance(key, str) and isinstance(tensor, torch.Tensor) for key, tensor in state.items()):
        return state
    return {}


def _content(model: Model, path: Path) -> Any:
    if weights_format(model, path) == WeightsFormat.SAFETENSORS:
        try:
            return safetensors.torch.load_file(path)
        except safetensors.SafetensorError as err:
            raise NetworkError(
                f"{model.name}: the weights are a damaged or truncated safetensors file; copy or download it again"
            ) from err
    try:
        # torch.load goes by the name of a path.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of quantised tensors, which are refused later
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as err:  # torch raises many kinds of errors for a damaged file
        raise NetworkError(f"{model.name}: {_why_not(path)}") from err


def _why_not(path: Path) -> str:
    """Why the file could not be loaded as plain tensors, and what to do."""
    try:
        code = _operations(path)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile):
        return "the weights are a damaged or truncated file of torch.save; copy or download it again"
    again = f'load = torch.load("{path.name}", map_location="cpu", weights_only=False)'
    # A pickled module begins with its class, a checkpoint with an empty dictionary.
    if not any(name == "EMPTY_DICT" for name, _ in code[:3]) and "OrderedDict" not in str(code[:3]):
        return (
            "the weights are a whole pickled module, which would run code when loaded; save its tensors where it was"
            f' trained: {again}; torch.save(load.state_dict(), "weights.pth")'
        )
    strings = {argument for _, argument in code if isinstance(argument, str)}
    key = next((key for key in WRAPPERS if key in strings), "state_dict")
    return (
        "the weights contain Python objects beside the tensors, which would run code when loaded; save the tensors"
        f' where they were trained: {again}; torch.save(load["{key}"], "weights.pth")'
    )


def _operations(path: Path) -> list[tuple[str, object]]:
    """The pickle's operations and their arguments, read without running them."""

    def operations(data: Any) -> Iterator[tuple[str, object]]:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name != "PROTO":
                yield operation.name, argument

    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            # Files from before torch 1.6 begin with three pickles: a magic number, a version and facts of the machine.
            for _ in range(3):
                list(operations(file))
            return list(operations(file))
    with zipfile.ZipFile(path) as archive:
        member = next((name for name in archive.namelist() if name.partition("/")[2] == "data.pkl"), "data.pkl")
        return list(operations(archive.read(member)))
