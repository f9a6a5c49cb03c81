"""Formats are detected from the bytes; those that are not supported are named."""

import time

import pytest
from PIL import Image

from benchmarks.harness.image_files import encoded, media_box
from services.classifier.decoding.formats import image_format
from services.classifier.problems import ImageUnsupported

SQUARE = Image.new("RGB", (16, 16))
BRANDS = {
    "HEIC": [b"heic", b"heix", b"hevc", b"mif1", b"msf1"],
    "AVIF": [b"avif", b"avis"],
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF", "TIFF"])
def test_a_supported_format_is_detected(kind: str) -> None:
    assert image_format(encoded(SQUARE, kind)) == kind


def test_the_brands_of_a_media_file_tell_heic_from_avif() -> None:
    for kind, brands in BRANDS.items():
        for brand in brands:
            assert image_format(media_box(b"ftyp", brand + bytes(4) + b"miaf")) == kind
    assert image_format(media_box(b"ftyp", b"mif1" + bytes(4) + b"miafavif")) == "AVIF"
    assert image_format(media_box(b"ftyp", b"mp42" + bytes(4) + b"isomheic")) == "HEIC"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(b"\xff\x0a\xfa\x7f", "JPEG XL", id="jpeg-xl-stream"),
        pytest.param(b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL", id="jpeg-xl"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", id="svg"),
        pytest.param(
            b"<?xml version='1.0'?>\n<!-- <a> -->\n<!DOCTYPE svg [<!ENTITY x 'y'>]>\n<svg/>", "SVG", id="svg-xml"
        ),
        pytest.param(b"\xef\xbb\xbf  <svg/>", "SVG", id="svg-with-mark"),
        pytest.param(b"<!doctype html><svg/>", "HTML", id="html"),
        pytest.param(b"%PDF-1.7", "PDF", id="pdf"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript", id="eps"),
        pytest.param(b"PK\x03\x04", "ZIP", id="zip"),
        pytest.param(b"RIFF\x00\x00\x00\x00AVI ", "AVI", id="avi"),
        pytest.param(media_box(b"ftyp", b"mp42" + bytes(4)), "MP4", id="mp4"),
        pytest.param(b"II*\x00\x10\x00\x00\x00CR\x02\x00", "camera raw", id="canon"),
        pytest.param(encoded(SQUARE, "ICO"), "icon", id="ico"),
        pytest.param(encoded(SQUARE, "BMP")[14:], "BMP without a file header", id="dib"),
        pytest.param(b"BA" + bytes(12) + encoded(SQUARE, "BMP"), "OS/2 bitmap", id="bitmap-array"),
        pytest.param(b"\x8aMNG\r\n\x1a\n", "MNG", id="mng"),
        pytest.param(b"\x8bJNG\r\n\x1a\n", "JNG", id="jng"),
        pytest.param(encoded(SQUARE, "JPEG2000"), "JPEG 2000", id="jpeg-2000"),
        pytest.param(encoded(SQUARE, "PPM"), "PNM", id="ppm"),
        pytest.param(encoded(SQUARE, "DDS"), "DDS", id="dds"),
        pytest.param(encoded(SQUARE, "PCX"), "PCX", id="pcx"),
        pytest.param(encoded(SQUARE, "SGI"), "SGI", id="sgi"),
        pytest.param(encoded(SQUARE, "TGA"), "TGA", id="tga"),
        pytest.param(encoded(SQUARE.convert("P"), "TGA", compression="tga_rle"), "TGA", id="tga-rle"),
        pytest.param(encoded(SQUARE.convert("1"), "XBM"), "XBM", id="xbm"),
    ],
)
def test_another_format_is_named(data: bytes, name: str) -> None:
    with pytest.raises(ImageUnsupported, match=f"^{name} is not supported; send JPEG, PNG"):
        image_format(data)


@pytest.mark.parametrize(
    "data", [b"", b"G", bytes(range(256)) * 256, b"\x7fELF"], ids=["empty", "byte", "noise", "elf"]
)
def test_anything_else_is_unsupported(data: bytes) -> None:
    with pytest.raises(ImageUnsupported, match="The image is not in a supported format: JPEG, PNG"):
        image_format(data)


def test_detection_takes_no_time_whatever_the_bytes() -> None:
    for piece in (b" ", b"<", b"<!--", b"<!---->", b"<?xml?>", b"#define ", b"\n", b"II*", b"ftyp"):
        started = time.process_time()
        with pytest.raises(ImageUnsupported):
            image_format(b"<" + piece * 200_000)
        assert time.process_time() - started < 0.5
