"""How timm and transformers say that images are prepared, as the catalog says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from services.artifact import Preprocess

# transformers writes Pillow's numbers.
PILLOW = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
# An image processor of transformers resizes the shorter side to this multiple of `shortest_edge`.
LEVIT = 256 / 224


class Unsupported(Exception):
    """The service cannot prepare images like this; completes the sentence `the preprocessing …`."""


def timm_preprocess(config: Mapping[str, Any]) -> Preprocess:
    """From timm's data configuration of a model."""
    _, height, width = config["input_size"]
    mode = config.get("crop_mode") or "center"
    scale = [math.floor(side / (config.get("crop_pct") or 0.875)) for side in (height, width)]
    resize = {"center": scale[0] if height == width else scale, "squash": tuple(scale)}.get(mode)
    if resize is None:
        raise Unsupported(f"uses the crop mode {mode!r}")
    return _preprocess(resize, (height, width), config["interpolation"], config["mean"], config["std"])


def transformers_preprocess(config: Mapping[str, Any]) -> Preprocess:
    """From the fields of an image processor of transformers."""
    kind = str(config.get("image_processor_type", "")).removesuffix("Fast").removesuffix("Pil")
    size, crop = _side(config.get("size")), _side(config.get("crop_size"))
    crop = crop if config.get("do_center_crop") else None
    if not config.get("do_resize", True):
        raise Unsupported("does not resize")
    if isinstance(size, int):
        if kind == "ConvNextImageProcessor":
            shortest = int(size / (config.get("crop_pct") or 224 / 256))
            size, crop = (shortest, crop or (size, size)) if size < 384 else ((size, size), crop)
        elif kind == "LevitImageProcessor":
            size = int(LEVIT * size)
    if config.get("crop_pct") and kind != "ConvNextImageProcessor":
        raise Unsupported(f"uses the crop_pct of {kind}")
    if config.get("do_flip_channel_order"):
        raise Unsupported("uses the order blue, green, red")
    if crop is None:
        if isinstance(size, int):
            raise Unsupported("keeps the aspect ratio and does not crop")
        crop = size
    mean, std = _normalisation(config)
    return _preprocess(size, crop, PILLOW.get(config.get("resample", 2), "unknown"), mean, std)


def _side(size: Any) -> int | tuple[int, int]:
    """The shorter side, or height and width."""
    if isinstance(size, Mapping):
        found = {key: value for key, value in size.items() if value is not None}
        if found.keys() == {"shortest_edge"}:
            return int(found["shortest_edge"])
        if found.keys() == {"height", "width"}:
            return int(found["height"]), int(found["width"])
    if size is None:
        return 0
    raise Unsupported(f"has a size of another kind, {size}")


def _normalisation(config: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Mean and std on the scale 0 to 1, whatever the scale of the network's input."""
    factor = config.get("rescale_factor", 1 / 255) * 255 if config.get("do_rescale", True) else 255.0
    mean, std = [0.0] * 3, [1.0] * 3
    if config.get("do_normalize", True):
        mean, std = ([float(value) for value in config[key]] for key in ("image_mean", "image_std"))
    if config.get("rescale_offset"):
        mean = [value + 1 for value in mean]
    if config.get("include_top"):
        # EfficientNet divides by the standard deviation twice.
        std = [value * value for value in std]
    return [value / factor for value in mean], [value / factor for value in std]


def _preprocess(
    resize: int | tuple[int, ...] | list[int], crop: Any, interpolation: str, mean: Any, std: Any
) -> Preprocess:
    height, width = (crop, crop) if isinstance(crop, int) else crop
    if isinstance(resize, int) and resize == 0:
        raise Unsupported("does not say its size")
    if not isinstance(resize, int):
        raise Unsupported(f"does not keep the aspect ratio: it resizes to {list(resize)}")
    if height != width or len(tuple(mean)) != 3:
        raise Unsupported(f"needs an input of {len(tuple(mean))} channels, {height} x {width}")
    if interpolation not in ("bilinear", "bicubic"):
        raise Unsupported(f"uses {interpolation} interpolation")
    try:
        return Preprocess(
            resize,
            height,
            cast(Any, interpolation),
            cast(Any, tuple(map(float, mean))),
            cast(Any, tuple(map(float, std))),
        )
    except ValueError as err:
        raise Unsupported(f"is not possible here: {err}") from err
