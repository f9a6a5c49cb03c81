"""The preprocessing of a catalog entry."""

from __future__ import annotations

from services.catalog import Model
from services.export.sources.torchvision_weights import torchvision_weights
from services.preprocess import Preprocess


def preprocessing(model: Model) -> Preprocess:
    """The entry's own, or that of torchvision's weights; raises NetworkError."""
    if isinstance(model.preprocess, Preprocess):
        return model.preprocess
    transforms = torchvision_weights(model).transforms()
    return Preprocess(
        resize=transforms.resize_size[0],
        crop=transforms.crop_size[0],
        interpolation=transforms.interpolation.value,
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
    )
