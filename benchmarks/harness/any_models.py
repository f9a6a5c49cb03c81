"""Models of many families as their users have them: on a stub of the Hub, or in a file; and their native pipelines."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
import torchvision
from torch import nn

from benchmarks.harness import saved_models
from benchmarks.harness.decisive import make_decisive
from benchmarks.harness.native_pipelines import (
    Pipeline,
    Transform,
    onnx_pipeline,
    opened,
    timm_pipeline,
    timm_transform,
    torch_pipeline,
    torchvision_transform,
    transformers_pipeline,
)
from benchmarks.harness.stub_hub import StubHub

LABELS: Final = tuple(f"label {number}" for number in range(10))
SIDE: Final = 224


@dataclass(frozen=True)
class Source:
    """A model to add: the arguments of `add`, and its native pipeline."""

    arguments: list[str]
    native: Pipeline


def timm_source(name: str, folder: Path, hub: StubHub, images: Sequence[Path]) -> Source:
    """A folder of timm on the Hub."""

    def prepare(module: nn.Module) -> None:
        _prepare(module, timm_transform(module), images)

    saved_models.save_timm(name, folder / "model", LABELS, prepare)
    hub.models[f"timm/{name}"] = folder / "model"
    return Source([f"hub:timm/{name}"], timm_pipeline(folder / "model"))


def transformers_source(name: str, folder: Path, hub: StubHub, images: Sequence[Path]) -> Source:
    """A folder of transformers on the Hub."""
    processor: Any = saved_models.transformers_models()[name][2]

    def transform(image: Any) -> torch.Tensor:
        prepared: torch.Tensor = processor(image, return_tensors="pt")["pixel_values"][0]
        return prepared

    def prepare(module: nn.Module) -> None:
        _prepare(module, transform, images)

    saved_models.save_transformers(name, folder / "model", LABELS, prepare)
    hub.models[f"transformers/{name}"] = folder / "model"
    return Source([f"hub:transformers/{name}"], transformers_pipeline(folder / "model", LABELS))


def checkpoint_source(kind: str, name: str, folder: Path, hub: StubHub, images: Sequence[Path]) -> Source:
    """A file: the state_dict of a torchvision model, a trainer's checkpoint (of timm, by its key), or ONNX."""
    module, transform = _module(kind, name), torchvision_transform(SIDE)
    _prepare(module, transform, images)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    path = folder / (f"{name}.onnx" if kind == "onnx" else f"{name}.pth")
    if kind == "onnx":
        _export_onnx(module, path)
        return Source([str(path)], onnx_pipeline(path, transform))
    state = module.state_dict()
    if kind in WRAPPERS:
        wrapped = {f"module.{key}": tensor for key, tensor in state.items()}
        # The averaged weights are those to serve; the others of such a checkpoint differ.
        others = {"model": {key: torch.zeros_like(tensor) for key, tensor in wrapped.items()}} if kind == "ema" else {}
        torch.save({"epoch": 9, WRAPPERS[kind]: wrapped, **others}, path)
        return Source([str(path), f"--architecture=timm:{name}"], torch_pipeline(module, transform))
    torch.save(state, path)
    return Source([str(path), f"--architecture={name}"], torch_pipeline(module, transform))


# Kinds of checkpoints, and the key of the weights in each.
WRAPPERS: Final = {"checkpoint": "state_dict", "ema": "ema", "model": "model"}
Make = Callable[[str, Path, StubHub, Sequence[Path]], Source]
KINDS: Final[dict[str, Make]] = {
    "timm": timm_source,
    "transformers": transformers_source,
    **{kind: partial(checkpoint_source, kind) for kind in ("onnx", "torchvision", *WRAPPERS)},
}
MODELS: Final = (
    *(("timm", name) for name in sorted((*saved_models.TIMM, *saved_models.MORE_OF_TIMM))),
    *(("transformers", name) for name in sorted(saved_models.transformers_models())),
    *(("onnx", name) for name in ("convnext_atto", "mobilenetv3_small_050", "resnet10t", "vit_tiny_patch16_224")),
    *(("torchvision", name) for name in ("resnet18", "mobilenet_v3_small")),
    *(("checkpoint", name) for name in ("resnet10t", "edgenext_xx_small")),
    *(("ema", "resnet10t"), ("model", "mobilenetv3_small_050")),
)


def _module(kind: str, name: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "torchvision":
        module: nn.Module = torchvision.models.get_model(name, num_classes=len(LABELS))
        return module
    import timm

    found: nn.Module = timm.create_model(name, num_classes=len(LABELS))
    return found


def _prepare(module: nn.Module, transform: Transform, images: Sequence[Path]) -> None:
    inputs = torch.stack([transform(opened(path)) for path in images])
    make_decisive(module, inputs, len(LABELS))


def _export_onnx(module: nn.Module, path: Path) -> None:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (torch.zeros(1, 3, SIDE, SIDE),), path, external_data=False, verbose=False)
