"""The architecture of a catalog entry, as a torch module."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
import torchvision

from services.catalog import DottedCallable, Model
from services.export.errors import NetworkError


def architecture(model: Model, outputs: int) -> torch.nn.Module:
    """A module with random weights; raises NetworkError."""
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
        raise NetworkError(f"{model.name}: the architecture is a {type(module).__name__}, not a torch module")
    return module


def _home(found: Any) -> str:
    """The top-level package that defines a class or function."""
    return str(getattr(found, "__module__", "")).partition(".")[0]


def _resolved(model: Model, dotted: DottedCallable) -> Callable[..., Any]:
    module, _, path = dotted.callable.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
            # Such as `os` in `torch:os.system`.
            if isinstance(found, ModuleType) or _home(found) in sys.stdlib_module_names:
                raise NetworkError(f"{model.name}: {dotted.callable} is imported from another module; name that one")
    except (ImportError, AttributeError) as err:
        raise NetworkError(f"{model.name}: {dotted.callable} cannot be imported: {err}") from err
    if not callable(found):
        raise NetworkError(f"{model.name}: {dotted.callable} is not callable")
    return found  # type: ignore[no-any-return]  # what a user's module holds is only known at run time
