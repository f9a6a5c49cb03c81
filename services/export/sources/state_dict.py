"""Load a file of weights into a torch module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from services.catalog import Model
from services.export.errors import NetworkError
from services.export.sources.checkpoint import State, candidates

# Added to all names by DataParallel, by Lightning and similar trainers, and by torch.compile.
PREFIXES = ("module.", "model.", "net.", "_orig_mod.")
# In the names of an adapter's tensors.
LORA = "lora_"
SHOWN = 3


@dataclass(frozen=True)
class Variant:
    """A state_dict under a key of the checkpoint, without a prefix of its names; either may be empty.

    `others` are the names of tensors without that prefix, such as those of a loss.
    """

    key: str
    prefix: str
    state: State
    others: tuple[str, ...] = ()


def load_state_dict(model: Model, module: torch.nn.Module, weights: Path) -> str:
    """Load the weights and say what was done to make them fit, or nothing; raises NetworkError.

    Runs no code from the file: only plain tensors are read.
    """
    found = [
        variant for candidate in candidates(model, weights) for variant in _variants(candidate.key, candidate.state)
    ]
    for variant in found:
        try:
            module.load_state_dict(variant.state)
        except (RuntimeError, TypeError, AttributeError):
            continue
        return _note(variant)
    if adapter := next((name for variant in found for name in variant.state if LORA in name), ""):
        raise NetworkError(
            f"{model.name}: the weights are a LoRA adapter without its model ({adapter}); merge it, with"
            " model.merge_and_unload(), and save that"
        )
    best = max(found, key=lambda variant: len(variant.state.keys() & module.state_dict().keys()))
    raise NetworkError(f"{model.name}: the weights do not fit the architecture: {_difference(module, best.state)}")


def _variants(key: str, state: State) -> Iterator[Variant]:
    """The state_dict as it is; with each prefix that all names share removed; and the part that has a prefix."""
    removed = ""
    yield Variant(key, removed, state)
    while prefix := next((p for p in PREFIXES if state and all(name.startswith(p) for name in state)), ""):
        removed += prefix
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        yield Variant(key, removed, state)
    for prefix in PREFIXES:
        others = tuple(name for name in state if not name.startswith(prefix))
        if len(others) < len(state):
            part = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
            yield Variant(key, removed + prefix, part, others)


def _note(variant: Variant) -> str:
    parts = [f"the state_dict under {variant.key!r}"] if variant.key else []
    parts += [f"names without the prefix {variant.prefix!r}"] if variant.prefix else []
    parts += [f"without the tensors of other parts ({_some(variant.others)})"] if variant.others else []
    return f"weights: {', '.join(parts)}" if parts else ""


def _difference(module: torch.nn.Module, state: State) -> str:
    """What does not fit: the number of outputs, the first missing and unexpected names, or the first shapes."""
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in wanted]
    shapes = [
        (name, list(tensor.shape), list(wanted[name].shape))
        for name, tensor in state.items()
        if name in wanted and tensor.shape != wanted[name].shape
    ]
    if not missing and not unexpected and shapes:
        name = shapes[0][0]
        outputs = {(actual[:1][0], expected[:1][0]) for _, actual, expected in shapes if actual and expected}
        if len(outputs) == 1 and all(actual[1:] == expected[1:] for _, actual, expected in shapes):
            ((theirs, ours),) = outputs
            return (
                f"they have {theirs} outputs ({name}), the architecture has {ours}; give {theirs} labels, or the"
                " weights that belong to these labels"
            )
    if unexpected and not missing and not shapes:
        return (
            f"{_listed(unexpected, 'not in the architecture')}; delete them from the state_dict if they were needed for"
            " training alone, or name the architecture that has them"
        )
    parts = [_listed(missing, "missing from the file"), _listed(unexpected, "not in the architecture")]
    parts += [
        f"{name} is {actual} in the file, {expected} in the architecture" for name, actual, expected in shapes[:1]
    ]
    return "; ".join(part for part in parts if part) or "torch cannot load them"


def _listed(names: list[str], what: str) -> str:
    if not names:
        return ""
    return f"{_some(names)} {'is' if len(names) == 1 else 'are'} {what}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
