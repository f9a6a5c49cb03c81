"""Where the network's input lies in an image: the sizes and offsets of torchvision's and timm's transforms."""

from __future__ import annotations

from dataclasses import dataclass

from services.preprocess import Preprocess


@dataclass(frozen=True)
class Placement:
    """In pixels: the size of the resized image, and the part of it that is the network's input.

    `left` and `top` are negative if the input has a border there.
    """

    width: int
    height: int
    left: int
    top: int
    input_width: int
    input_height: int


def placement(width: int, height: int, orientation: int, preprocess: Preprocess) -> Placement:
    """The placement in a stored image of this size that EXIF's `orientation` makes upright."""
    if orientation >= 5:
        width, height = height, width
    width, height = resized_size(width, height, preprocess)
    input_width, input_height = preprocess.width, preprocess.height
    left, top = _offset(width, input_width, preprocess), _offset(height, input_height, preprocess)
    if orientation in (2, 3, 6, 7):
        left = width - input_width - left
    if orientation in (3, 4, 7, 8):
        top = height - input_height - top
    if orientation >= 5:
        return Placement(height, width, top, left, input_height, input_width)
    return Placement(width, height, left, top, input_width, input_height)


def resized_size(width: int, height: int, preprocess: Preprocess) -> tuple[int, int]:
    """Width and height of the resized image; at least one pixel each."""
    resize = preprocess.resize
    if isinstance(resize, str):
        return width, height
    if isinstance(resize, int):
        # torchvision's Resize rounds down.
        return (resize, resize * height // width) if width <= height else (resize * width // height, resize)
    if preprocess.fit == "exact":
        return resize[1], resize[0]
    # timm's ResizeKeepRatio rounds.
    choose = min if preprocess.fit == "cover" else max
    ratio = choose(height / resize[0], width / resize[1])
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def _offset(resized: int, wanted: int, preprocess: Preprocess) -> int:
    """The first pixel of the centre; negative if there is a border."""
    if wanted > resized:
        return -((wanted - resized) // 2)
    if preprocess.half_pixel == "down":
        return (resized - wanted) // 2
    # torchvision's CenterCrop rounds to even.
    return round((resized - wanted) / 2)
