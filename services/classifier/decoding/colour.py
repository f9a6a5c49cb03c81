"""Convert any of Pillow's modes to the channels that a network takes, on a white background."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

BACKGROUND: Final = (255, 255, 255)
PREMULTIPLIED: Final = {"La": "LA", "RGBa": "RGBA"}


def rgb(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes as RGB. 16-bit grey keeps its upper byte; `convert` would clip it to white."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        image = Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode in PREMULTIPLIED:
        image = image.convert(PREMULTIPLIED[image.mode])
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", layer.size, BACKGROUND)
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image.convert("RGB")
