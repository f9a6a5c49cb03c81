"""An image's bytes -> the uint8 pixels that a network takes."""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from services.artifact import Preprocess
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageTooManyPixels, ImageUnsupported

Pixels = NDArray[np.uint8]

MAX_SIDE: Final = 10_000
MAX_PIXELS: Final = 25_000_000
# A progressive JPEG costs its full size again for every scan; photos have about ten.
MAX_JPEG_SCANS: Final = 100
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
RESAMPLE: Final = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# EXIF's orientation -> what brings the picture upright.
UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION: Final = 0x0112


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
    if kind == "JPEG" and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ImageTooComplex(f"The JPEG has more than {MAX_JPEG_SCANS} scans; save it as a baseline JPEG.")
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            _check_size(*image.size)
            return _prepared(image, preprocess)
    except UnidentifiedImageError as err:
        raise ImageCorrupt(f"The {kind} image is damaged.") from err
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error) as err:
        raise ImageCorrupt(f"The {kind} image is damaged or cut short.") from err


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageCorrupt("The image has no pixels.")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageTooManyPixels(
            f"The image has {width} × {height} pixels; at most {MAX_SIDE:,} a side and {MAX_PIXELS:,} in all are read."
        )


def _prepared(image: Image.Image, preprocess: Preprocess) -> Pixels:
    """torchvision's resize and centre crop in one step: only the crop's own box is resized."""
    # libjpeg can decode at 1/2, 1/4 or 1/8; never below the size that is wanted.
    image.draft(None, (preprocess.resize, preprocess.resize))
    width, height = image.size
    side = min(width, height) * preprocess.crop / preprocess.resize
    left, top = (width - side) / 2, (height - side) / 2
    orientation = _orientation(image)
    square = _rgb(image).resize(
        (preprocess.crop, preprocess.crop),
        RESAMPLE[preprocess.interpolation],
        box=(left, top, left + side, top + side),
    )
    if orientation in UPRIGHT:
        square = square.transpose(UPRIGHT[orientation])
    return np.asarray(square)


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation; 1 where there is none that can be read, for no picture is refused for its notes."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error):
        return 1
    return value if isinstance(value, int) else 1


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
