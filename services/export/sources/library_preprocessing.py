"""How timm and transformers say that images are prepared, as the catalog says it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from services.preprocess import Interpolation, Preprocess, Size

# transformers writes Pillow's numbers.
PILLOW: dict[int, Interpolation] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
    5: "hamming",
}
# The fields of an image processor that count. It lists only some of them itself, and leaves out those that are None.
PROCESSOR_FIELDS = (
    "do_resize",
    "resample",
    "do_center_crop",
    "crop_pct",
    "do_pad",
    "do_rescale",
    "rescale_factor",
    "rescale_offset",
    "do_normalize",
    "image_mean",
    "image_std",
    "include_top",
    "do_flip_channel_order",
)
# LeViT's image processor resizes the shorter side to this multiple of `shortest_edge`.
LEVIT = 256 / 224


class Unsupported(Exception):
    """The service cannot prepare images like this; completes the sentence `the preprocessing …`."""


def timm_preprocess(config: Mapping[str, Any]) -> Preprocess:
    """From timm's data configuration of a model."""
    channels, height, width = config["input_size"]
    percentage = config.get("crop_pct") or 0.875
    scaled = (math.floor(height / percentage), math.floor(width / percentage))
    mode, fit, border = config.get("crop_mode") or "center", "exact", None
    resize: Size = scaled
    if mode == "border":
        fit, border = "contain", tuple(round(255 * value) for value in config["mean"])
    elif mode == "center":
        resize, fit = (scaled[0], "exact") if height == width else (scaled, "cover")
    elif mode != "squash":
        raise Unsupported(f"uses the crop mode {mode!r}")
    return _preprocess(
        resize=resize,
        crop=_shortened((height, width)),
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
        channels=_channels(channels),
        fit=fit,
        border=border,
    )


def transformers_preprocess(config: Mapping[str, Any]) -> Preprocess:
    """From PROCESSOR_FIELDS, `size`, `crop_size` and `kind` of an image processor of transformers."""
    kind = str(config["kind"]).removesuffix("Fast").removesuffix("Pil")
    size = _side(config["size"]) if config.get("do_resize") else "none"
    crop = _side(config["crop_size"]) if config.get("do_center_crop") else None
    if isinstance(size, int):
        if kind == "ConvNextImageProcessor":
            shorter = int(size / (config.get("crop_pct") or 224 / 256))
            size, crop = (shorter, crop or size) if size < 384 else ((size, size), crop)
        elif kind == "LevitImageProcessor":
            size = int(LEVIT * size)
    if config.get("crop_pct") and kind != "ConvNextImageProcessor":
        raise Unsupported(f"uses the crop_pct of {kind}")
    if config.get("do_pad"):
        raise Unsupported("pads images")
    if crop is None:
        if not isinstance(size, tuple):
            raise Unsupported("leaves images in different shapes: it does not crop")
        crop = size
    mean, std = _normalisation(config)
    return _preprocess(
        resize=size,
        crop=crop if isinstance(crop, int) else _shortened(crop),
        # A crop beyond the image's border is black.
        border=(0,) if size == "none" or _exceeds(crop, size) else None,
        interpolation=PILLOW[2 if config["resample"] is None else config["resample"]],
        mean=mean,
        std=std,
        channels="bgr" if config.get("do_flip_channel_order") else _channels(len(mean)),
        fit="exact",
        half_pixel="even" if crop == size else "down",
    )


def _side(size: Mapping[str, Any]) -> Size:
    """The shorter side, or height and width."""
    found = {key: value for key, value in size.items() if value is not None}
    if found.keys() == {"shortest_edge"}:
        return int(found["shortest_edge"])
    if found.keys() == {"height", "width"}:
        return int(found["height"]), int(found["width"])
    raise Unsupported(f"has a size of another kind: {found}")


def _normalisation(config: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Mean and std on the scale 0 to 1, whatever the scale of the network's input."""
    factor = (config.get("rescale_factor") or 1 / 255) * 255 if config.get("do_rescale") else 255.0
    mean, std = [0.0] * 3, [1.0] * 3
    if config.get("do_normalize"):
        mean, std = ([float(value) for value in _listed(config[key])] for key in ("image_mean", "image_std"))
    if config.get("rescale_offset"):
        mean = [value + 1 for value in mean]
    if config.get("include_top"):
        # EfficientNet divides by the standard deviation twice.
        std = [value * value for value in std]
    return [value / factor for value in mean], [value / factor for value in std]


def _listed(values: Any) -> Sequence[float]:
    return values if isinstance(values, Sequence) else (values,) * 3


def _channels(count: int) -> Literal["rgb", "gray"]:
    if count not in (1, 3):
        raise Unsupported(f"needs {count} channels")
    return "gray" if count == 1 else "rgb"


def _shortened(size: tuple[int, int]) -> Size:
    return size[0] if size[0] == size[1] else size


def _exceeds(crop: Size, size: Size | str) -> bool:
    if isinstance(size, str):
        return True
    (height, width), (most_height, most_width) = (
        (side, side) if isinstance(side, int) else side for side in (crop, size)
    )
    return height > most_height or width > most_width


def _preprocess(**fields: Any) -> Preprocess:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    try:
        return Preprocess(**values)
    except ValueError as err:
        raise Unsupported(f"is not possible here: {err}") from err
