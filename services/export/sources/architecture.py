"""The architecture of a catalog entry, as a torch module."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torchvision

from services.catalog import Model
from services.catalog.entry import DottedCallable, TimmModel
from services.catalog.imported_files import imported_files
from services.export.errors import NetworkError, first_line


def architecture(model: Model, outputs: int, folder: Path) -> torch.nn.Module:
    """A module with random weights; raises NetworkError. A callable may be in a module in `folder`, the catalog's."""
    try:
        if isinstance(model.architecture, DottedCallable):
            module = _resolved(model, model.architecture, folder)(**model.architecture.arguments)
        elif isinstance(model.architecture, TimmModel):
            import timm  # only the entries that name it need it

            arguments = {"num_classes": outputs, **model.architecture.arguments}
            module = timm.create_model(model.architecture.timm, pretrained=False, **arguments)
        else:
            module = torchvision.models.get_model(model.architecture, weights=None, num_classes=outputs)
    except NetworkError:
        raise
    except Exception as err:  # a user's callable may raise anything
        raise NetworkError(
            f"{model.name}: the architecture cannot be built: {first_line(err)}{_suggestion(model)}"
        ) from err
    if not isinstance(module, torch.nn.Module):
        raise NetworkError(f"{model.name}: the architecture is a {type(module).__name__}, not a torch module")
    return module


def _suggestion(model: Model) -> str:
    """The known architecture with the most similar name, if the entry's is not known."""
    if isinstance(model.architecture, TimmModel):
        import timm

        name, known = model.architecture.timm.partition(".")[0], timm.list_models()
    elif isinstance(model.architecture, str):
        name, known = model.architecture, torchvision.models.list_models()
    else:
        return ""
    similar = [] if name in known else difflib.get_close_matches(name, known, 1)
    return f"; did you mean {similar[0]}?" if similar else ""


def _home(found: Any) -> str:
    """The top-level package that defines a class or function."""
    return str(getattr(found, "__module__", "")).partition(".")[0]


def _resolved(model: Model, dotted: DottedCallable, folder: Path) -> Callable[..., Any]:
    name, _, path = dotted.callable.partition(":")
    # Last, so that a module beside the catalog cannot hide an installed one.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as err:
        raise NetworkError(
            f"{model.name}: {dotted.callable} cannot be imported: {err}; put the module into {folder}, or name its"
            " package under `requires`"
        ) from err
    except Exception as err:  # a user's module may raise anything
        raise NetworkError(f"{model.name}: {dotted.callable} cannot be imported: {first_line(err)}") from err
    own = imported_files(folder, name)
    if own and Path(str(module.__file__)).resolve() not in {file.resolve() for file in own}:
        raise NetworkError(
            f"{model.name}: {dotted.callable} is {module.__file__}, not the module in {folder}; rename the latter"
        )
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise NetworkError(f"{model.name}: {dotted.callable} cannot be imported: {name} has no {path}")
        found = getattr(found, part)
        # Such as `os` in `torch:os.system`.
        if isinstance(found, ModuleType) or _home(found) in sys.stdlib_module_names:
            raise NetworkError(f"{model.name}: {dotted.callable} is imported from another module; name that one")
    if not callable(found):
        raise NetworkError(f"{model.name}: {dotted.callable} is not callable")
    return found  # type: ignore[no-any-return]  # what a user's module holds is only known at run time
