"""A model in the library that it was made with: an image's file -> its scores, with the library's own transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import nn
from torchvision.transforms._presets import ImageClassification

Scores = NDArray[np.float64]
Pipeline = Callable[[Path], Scores]
Transform = Callable[[Image.Image], torch.Tensor]


def opened(path: Path) -> Image.Image:
    """The image as RGB, upright."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def torch_pipeline(module: nn.Module, transform: Transform) -> Pipeline:
    """Any torch module with softmax."""
    module.eval()

    def scores(path: Path) -> Scores:
        with torch.inference_mode():
            outputs: torch.Tensor = module(transform(opened(path))[None])[0]
        return outputs.softmax(0).numpy().astype(float)

    return scores


def torchvision_transform(side: int) -> Transform:
    """Of torchvision's reference recipe, which most checkpoints are trained with."""
    transform: Transform = ImageClassification(crop_size=side, resize_size=round(side / 0.875))
    return transform


def timm_transform(module: nn.Module) -> Transform:
    """As timm's own validation prepares images."""
    from timm.data import create_transform, resolve_model_data_config

    transform: Transform = create_transform(**resolve_model_data_config(module), is_training=False)
    return transform


def timm_pipeline(folder: Path) -> Pipeline:
    """A model that timm has saved."""
    import timm

    module = timm.create_model(f"local-dir:{folder}", pretrained=True)
    return torch_pipeline(module, timm_transform(module))


def transformers_pipeline(folder: Path, labels: Sequence[str]) -> Pipeline:
    """The `pipeline` of transformers for a model that it has saved."""
    import transformers

    pipeline: Any = transformers.pipeline("image-classification", model=str(folder))

    def scores(path: Path) -> Scores:
        by_label = {one["label"]: one["score"] for one in pipeline(str(path), top_k=len(labels))}
        return np.array([by_label[label] for label in labels])

    return scores


def onnx_pipeline(path: Path, transform: Transform) -> Pipeline:
    """An ONNX file in onnxruntime, with softmax."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()

    def scores(image: Path) -> Scores:
        (outputs,) = session.run(None, {entry.name: transform(opened(image))[None].numpy()})
        return torch.from_numpy(outputs[0]).softmax(0).numpy().astype(float)

    return scores
