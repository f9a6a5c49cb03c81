"""The usual kinds of preprocessing, each with the transforms of the library that the model was trained with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import v2

from services.preprocess import Preprocess

Pixels = NDArray[np.uint8]
HALF: dict[str, Any] = {"mean": (0.5,), "std": (0.5,)}
FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


@dataclass(frozen=True)
class Kind:
    """A preprocessing, and the library's transforms: RGB image -> uint8 [height, width, channels], not normalised."""

    name: str
    preprocess: Preprocess
    native: Callable[[Image.Image], Pixels]


def _torchvision(*transforms: Any) -> Callable[[Image.Image], Pixels]:
    compose = v2.Compose(transforms)

    def native(image: Image.Image) -> Pixels:
        found = compose(image)
        if isinstance(found, torch.Tensor):
            return found.permute(1, 2, 0).numpy()
        return np.atleast_3d(np.asarray(found))

    return native


def _recipe(**values: Any) -> Preprocess:
    recipe: dict[str, Any] = {"resize": 256, "crop": 224, "interpolation": "bicubic", **HALF, **values}
    return Preprocess(**recipe)


def _filter(name: str) -> Kind:
    transforms = v2.Resize(256, v2.InterpolationMode(name)), v2.CenterCrop(224)
    return Kind(f"shorter side, {name}", _recipe(interpolation=name), _torchvision(*transforms))


def _tensor(name: str) -> Kind:
    """As torchvision resizes tensors without antialias."""
    resize = v2.Resize(256, v2.InterpolationMode(name), antialias=False)
    return Kind(
        f"shorter side, {name}, no antialias",
        _recipe(interpolation=name, antialias=False),
        _torchvision(v2.PILToTensor(), resize, v2.CenterCrop(224)),
    )


def _contained(image: Image.Image) -> Pixels:
    """As timm's crop mode `border`."""
    ratio = max(image.width, image.height) / 224
    size = round(image.height / ratio), round(image.width / ratio)
    image = v2.functional.resize(image, list(size), v2.InterpolationMode.BICUBIC)
    left, top = (224 - image.width) // 2, (224 - image.height) // 2
    ground = Image.new("RGB", (224, 224), (124, 116, 104))
    ground.paste(image, (left, top))
    return np.asarray(ground)


def _covered(image: Image.Image) -> Pixels:
    """As timm's crop mode `center` for a network that is not square."""
    ratio = min(image.height / 219, image.width / 292)
    size = round(image.height / ratio), round(image.width / ratio)
    resized = v2.functional.resize(image, list(size), v2.InterpolationMode.BICUBIC)
    return np.asarray(v2.functional.center_crop(resized, [192, 256]))


BICUBIC = v2.InterpolationMode.BICUBIC
KINDS = (
    *(_filter(name) for name in FILTERS),
    *(_tensor(name) for name in ("bilinear", "bicubic")),
    Kind("shorter side 160", _recipe(resize=160, crop=140), _torchvision(v2.Resize(160, BICUBIC), v2.CenterCrop(140))),
    Kind(
        "squash",
        _recipe(resize=(224, 224)),
        _torchvision(v2.Resize((224, 224), BICUBIC)),
    ),
    Kind(
        "squash, bilinear, then crop",
        _recipe(resize=(256, 256), interpolation="bilinear"),
        _torchvision(v2.Resize((256, 256)), v2.CenterCrop(224)),
    ),
    Kind("cover, not square", _recipe(resize=(219, 292), fit="cover", crop=(192, 256)), _covered),
    Kind("contain, with a border", _recipe(resize=(224, 224), fit="contain", border=(124, 116, 104)), _contained),
    Kind("no resize", _recipe(resize="none", crop=256, border=(0,)), _torchvision(v2.CenterCrop(256))),
    Kind(
        "gray",
        _recipe(channels="gray"),
        _torchvision(v2.Grayscale(), v2.Resize(256, BICUBIC), v2.CenterCrop(224)),
    ),
)
