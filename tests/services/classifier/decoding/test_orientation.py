"""Every format is turned upright by the same rule, on both ways of decoding."""

import io
import struct
from collections.abc import Callable

import pytest
from PIL import Image

from benchmarks.harness.image_files import STORED, chunk, encoded, gradient, with_orientation
from services.classifier.decoding.orientation import orientation
from tests.services.classifier.decoding.comparison import require_same_image

UPRIGHT = gradient(160, 144)


def exif(value: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = value
    return data.tobytes()


def xmp(value: int) -> bytes:
    return b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % value


def app1(content: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def jpeg(image: Image.Image, *segments: bytes, **options: object) -> bytes:
    data = encoded(image, "JPEG", quality=95, **options)
    return data[:2] + b"".join(map(app1, segments)) + data[2:]


def xmp_segment(value: int) -> bytes:
    return b"http://ns.adobe.com/xap/1.0/\x00" + xmp(value)


def png(image: Image.Image, *chunks: bytes) -> bytes:
    data = encoded(image)
    return data[:33] + b"".join(chunks) + data[33:]


def xmp_chunk(value: int) -> bytes:
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(value))


FILES: dict[str, Callable[[Image.Image, int], bytes]] = {
    "jpeg-exif": lambda image, value: jpeg(image, exif(value)),
    "jpeg-xmp": lambda image, value: jpeg(image, xmp_segment(value)),
    "jpeg-second-exif": lambda image, value: jpeg(image, b"Exif\0\0", exif(value)),
    "jpeg-gray": lambda image, value: jpeg(image.convert("L").convert("RGB"), xmp_segment(value)),
    "jpeg-cmyk-exif": lambda image, value: jpeg(image.convert("CMYK"), exif(value)),
    "jpeg-cmyk-xmp": lambda image, value: jpeg(image.convert("CMYK"), xmp_segment(value)),
    "jpeg-progressive": lambda image, value: jpeg(image, xmp_segment(value), progressive=True),
    "png-exif": lambda image, value: encoded(image, exif=exif(value)),
    "png-exif-at-the-end": lambda image, value: png_end(image, chunk(b"eXIf", exif(value)[6:])),
    "png-xmp": lambda image, value: png(image, xmp_chunk(value)),
    "png-raw-profile": lambda image, value: png(image, chunk(b"tEXt", b"Raw profile type exif\0" + raw(exif(value)))),
    "heic-exif": lambda image, value: encoded(image, "HEIF", quality=95, exif=exif(value)),
    "heic-xmp": lambda image, value: encoded(image, "HEIF", quality=95, xmp=xmp(value)),
    "avif-exif": lambda image, value: encoded(image, "AVIF", quality=95, exif=exif(value)),
    "avif-xmp": lambda image, value: encoded(image, "AVIF", quality=95, xmp=xmp(value)),
    "tiff-tag": lambda image, value: encoded(image, "TIFF", tiffinfo={0x0112: value}),
    "tiff-xmp": lambda image, value: encoded(image, "TIFF", tiffinfo={700: xmp(value)}, compression="tiff_lzw"),
    "gif-gray-xmp": lambda image, value: gif(image.convert("L"), xmp(value)),
    "webp-exif": lambda image, value: encoded(image, "WEBP", lossless=True, exif=exif(value)),
    "webp-xmp": lambda image, value: encoded(image, "WEBP", lossless=True, xmp=xmp(value)),
}


def gif(image: Image.Image, packet: bytes) -> bytes:
    """With the packet in an application extension, before the trailer that XMP demands for GIF."""
    data = encoded(image, "GIF")
    at = data.index(b",", 13 + 768)
    return data[:at] + b"\x21\xff\x0bXMP DataXMP" + packet + b"\x01" + bytes(range(255, -1, -1)) + b"\x00" + data[at:]


def png_end(image: Image.Image, extra: bytes) -> bytes:
    data = encoded(image)
    return data[:-12] + extra + data[-12:]


def raw(profile: bytes) -> bytes:
    """As ImageMagick writes it."""
    return b"\nexif\n%8d\n" % len(profile) + profile.hex().encode() + b"\n"


@pytest.mark.parametrize("file", FILES)
def test_every_orientation_is_applied_in_every_format(file: str) -> None:
    expected = encoded(UPRIGHT.convert("L").convert("RGB") if "gray" in file else UPRIGHT)
    for value in range(10):
        turned = UPRIGHT.transpose(STORED[value]) if value in STORED else UPRIGHT
        require_same_image(FILES[file](turned, value), expected)


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(jpeg(UPRIGHT, exif(1), xmp_segment(6)), id="exif-before-xmp"),
        pytest.param(jpeg(UPRIGHT, xmp_segment(6), exif(1)), id="whatever-their-order"),
        pytest.param(jpeg(UPRIGHT, exif(0), xmp_segment(1)), id="invalid-exif"),
        pytest.param(png(UPRIGHT, xmp_chunk(6), chunk(b"eXIf", exif(1)[6:])), id="png"),
        pytest.param(encoded(UPRIGHT, "WEBP", lossless=True, exif=exif(1), xmp=xmp(6)), id="webp"),
    ],
)
def test_exif_is_preferred_to_xmp(file: bytes) -> None:
    require_same_image(file, encoded(UPRIGHT))


@pytest.mark.parametrize(
    ("segments", "packets", "expected"),
    [
        pytest.param([], [], 1, id="none"),
        pytest.param([b"Exif\0\0"], [xmp(3)], 3, id="empty-exif"),
        pytest.param([exif(9)], [xmp(3)], 3, id="invalid-exif"),
        pytest.param([b"Exif\0\0" + exif(8)], [], 8, id="repeated-prefix"),
        pytest.param([exif(8)[:20]], [xmp(3)], 3, id="truncated-exif"),
        pytest.param([with_orientation("<", 5)], [], 5, id="little-endian"),
        pytest.param([with_orientation(">", 5)], [], 5, id="big-endian"),
        pytest.param([with_orientation(">", 5, kind=4)], [], 5, id="long"),
        pytest.param([with_orientation(">", 5, kind=8)], [], 5, id="signed"),
        pytest.param([with_orientation(">", 5, count=0)], [xmp(2)], 2, id="without-values"),
        pytest.param([with_orientation(">", 5, kind=5)], [xmp(2)], 2, id="rational"),
        pytest.param([], [b"<tiff:Orientation>7</tiff:Orientation>"], 7, id="xmp-element"),
        pytest.param([], [b"tiff:Orientation='4'"], 4, id="single-quotes"),
        pytest.param([], [xmp(9), xmp(2)], 2, id="second-packet"),
    ],
)
def test_the_first_valid_orientation_counts(segments: list[bytes], packets: list[bytes], expected: int) -> None:
    assert orientation(segments, packets) == expected


def test_pillow_agrees_on_exif() -> None:
    for value in range(1, 9):
        with Image.open(io.BytesIO(jpeg(UPRIGHT, exif(value)))) as image:
            assert image.getexif()[0x0112] == orientation([exif(value)], []) == value
