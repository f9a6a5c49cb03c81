"""An image's bytes -> the uint8 pixels that a network takes."""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np
from cykooz_resizer import CropBox, FilterType, ImageData, PixelType, ResizeAlg, ResizeOptions, Resizer
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from services.artifact import Preprocess
from services.classifier.decoding.jpeg import Header, jpeg_header, reduced_jpeg, require_few_scans
from services.classifier.problems import ImageCorrupt, ImageTooManyPixels, ImageUnsupported

Pixels = NDArray[np.uint8]

MAX_SIDE: Final = 10_000
MAX_PIXELS: Final = 25_000_000
BACKGROUND: Final = (255, 255, 255)

# The sizes are checked here, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False

SIGNATURES: Final = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "WEBP": (b"RIFF",),
}
# Catmull-Rom is what Pillow and torchvision call bicubic.
FILTERS: Final = {"bilinear": FilterType.bilinear, "bicubic": FilterType.catmull_rom}
ORIENTATION: Final = 0x0112
# What Pillow raises for files that break their format's rules.
DAMAGED: Final = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)


def image_format(data: bytes) -> str:
    """JPEG, PNG, GIF, BMP or WEBP, by the first bytes; raises ImageUnsupported."""
    for name, signatures in SIGNATURES.items():
        if data.startswith(signatures) and (name != "WEBP" or data[8:12] == b"WEBP"):
            return name
    raise ImageUnsupported("The body is not an image this service reads: JPEG, PNG, WebP, GIF or BMP.")


def decoded_pixels(data: bytes, preprocess: Preprocess) -> Pixels:
    """The upright picture as uint8 [crop, crop, 3]: resized and centre-cropped, its first frame, alpha on white.

    Raises ImageUnsupported, ImageCorrupt, ImageTooManyPixels or ImageTooComplex.
    """
    kind = image_format(data)
    if kind == "JPEG":
        header = jpeg_header(data)
        _check_size(header.width, header.height)
        require_few_scans(data, header)
        if (pixels := _fast_jpeg(data, header, preprocess)) is not None:
            return pixels
    return _by_pillow(data, kind, preprocess)


def _fast_jpeg(data: bytes, header: Header, preprocess: Preprocess) -> Pixels | None:
    """The common case without Pillow, in half the time; None for what Pillow should judge (CMYK, oddities, damage)."""
    if header.components not in (1, 3):
        return None
    try:
        image = reduced_jpeg(data, preprocess.resize)
    except ValueError:
        return None
    height, width, _ = image.shape
    square = ImageData(preprocess.crop, preprocess.crop, PixelType.U8x3)
    source = ImageData(width, height, PixelType.U8x3, image.tobytes())
    Resizer().resize(source, square, _resize_options(width, height, preprocess))
    pixels = np.frombuffer(square.get_buffer(), np.uint8).reshape(preprocess.crop, preprocess.crop, 3)
    return _upright(pixels, _segment_orientation(header.exif) if header.exif else 1)


def _by_pillow(data: bytes, kind: str, preprocess: Preprocess) -> Pixels:
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            _check_size(*image.size)
            # libjpeg can decode at 1/2, 1/4 or 1/8; never below the size that is wanted.
            image.draft(None, (preprocess.resize, preprocess.resize))
            rgb = _rgb(image)
            square = Image.new("RGB", (preprocess.crop, preprocess.crop))
            Resizer().resize_pil(rgb, square, _resize_options(*rgb.size, preprocess))
            return _upright(np.asarray(square), _image_orientation(image))
    except UnidentifiedImageError as err:
        raise ImageCorrupt(f"The {kind} image is damaged.") from err
    except DAMAGED as err:
        raise ImageCorrupt(f"The {kind} image is damaged or cut short.") from err


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageCorrupt("The image has no pixels.")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageTooManyPixels(
            f"The image has {width} × {height} pixels; at most {MAX_SIDE:,} a side and {MAX_PIXELS:,} in all are read."
        )


def _resize_options(width: int, height: int, preprocess: Preprocess) -> ResizeOptions:
    """torchvision's resize and centre crop in one step: only the crop's own box is resized."""
    side = min(width, height) * preprocess.crop / preprocess.resize
    box = CropBox((width - side) / 2, (height - side) / 2, side, side)
    return ResizeOptions(ResizeAlg.convolution(FILTERS[preprocess.interpolation]), use_alpha=False, crop_box=box)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """A square brought upright from how EXIF says it is stored; the crop is central, so the order does not matter."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _orientation(exif: Image.Exif) -> int:
    """EXIF's orientation, 1 to 8; 1 where it says none of them."""
    value = exif.get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _image_orientation(image: Image.Image) -> int:
    """The orientation of an opened image; no picture is refused for its notes."""
    try:
        return _orientation(image.getexif())
    except DAMAGED:
        return 1


def _segment_orientation(segment: bytes) -> int:
    """The orientation in the bytes of a JPEG's EXIF segment."""
    exif = Image.Exif()
    try:
        exif.load(segment)
        return _orientation(exif)
    except DAMAGED:
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes as RGB; 16-bit grey keeps its upper byte, which `convert` would clip to white."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        image = Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", layer.size, BACKGROUND)
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image.convert("RGB")
