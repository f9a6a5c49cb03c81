"""Detect the format of an image from its bytes; name those that are not supported."""

from __future__ import annotations

import re
from typing import Final

from services.classifier.problems import ImageUnsupported

SUPPORTED: Final = "JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF"
# A pattern at the start of the data, by format.
SIGNATURES: Final = {
    "JPEG": rb"\xff\xd8",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "WEBP": rb"RIFF....WEBP",
    # Canon's raw format begins as TIFF does.
    "TIFF": rb"(?!.{8}CR\x02)(?:II|MM)(?:[*+]\x00|\x00[*+])",
}
AVIF_BRANDS: Final = {b"avif", b"avis"}
HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"heif", b"mif1", b"msf1"}
OTHERS: Final = {
    "AVI": rb"RIFF....AVI ",
    "HTML": rb"\s*<(?i:!doctype html|html|head|body)",
    "BMP without a file header": rb"\x28\x00\x00\x00.{8}\x01\x00[\x01\x04\x08\x10\x18\x20]\x00",
    "JNG": rb"\x8bJNG",
    "JPEG 2000": rb"\x00\x00\x00\x0cjP  \r\n|\xff\x4f\xff\x51",
    "JPEG XL": rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n",
    "JPEG XR": rb"II\xbc[\x00\x01]",
    "MNG": rb"\x8aMNG",
    "OS/2 bitmap": rb"BA.{12}(?:BM|CI|CP|IC|PT)",
    "PDF": rb"%PDF-",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "Photoshop": rb"8BPS",
    "SVG": rb"(?:\xef\xbb\xbf)?\s*<(?:svg|[^\x00]*?<svg)",
    "XML": rb"\s*<\?xml",
    "gzip": rb"\x1f\x8b",
    "icon": rb"\x00\x00[\x01\x02]\x00[^\x00]|icns",
    "camera raw": rb"II[*]\x00.{4}CR|FUJIFILMCCD-RAW|IIR[OS]|IIU\x00|\x00MRM",
    "DDS": rb"DDS ",
    "OpenEXR": rb"v/1\x01",
    "Radiance HDR": rb"#\?RADIANCE",
    "QOI": rb"qoif",
    "PNM": rb"P[1-7fFyx][\s\d#]|Py",
    "Sun raster": rb"\x59\xa6\x6a\x95",
    "SGI": rb"\x01\xda[\x00\x01][\x01\x02]",
    "PCX": rb"\n[\x00\x02-\x05]\x01[\x01\x02\x04\x08]|\xb1\x68\xde\x3a",
    "XBM": rb"\s*#define\s+\w*width",
    "XPM": rb"/\* XPM \*/",
    "FITS": rb"SIMPLE  =",
    "BLP": rb"BLP[12]",
    "FTEX": rb"FTEX",
    "FLI": rb"....[\x11\x12]\xaf",
    "WMF": rb"\xd7\xcd\xc6\x9a|\x01\x00\x00\x00.{36} EMF",
    "MSP": rb"DanM|LinS",
    "HDF5": rb"\x89HDF\r\n\x1a\n",
    "GRIB": rb"GRIB",
    "BUFR": rb"BUFR|ZCZC",
    "MPEG": rb"\x00\x00\x01[\xb3\xba]",
    "Matroska": rb"\x1a\x45\xdf\xa3",
    "MP4": rb"....ftyp",
    "ZIP": rb"PK\x03\x04",
    "farbfeld": rb"farbfeld",
    "FlashPix or Office": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "GIMP brush": rb".{20}GIMP",
    "IFUNC": rb"Image type:",
    "McIDAS": rb"\x00{7}\x04",
    "PIXAR": rb"\x80\xe8\x00\x00",
    "Photo CD": rb".{2048}PCD_",
    # It has no signature: a type, with or without a colour map, and bits per pixel.
    "TGA": rb".(?:\x00[\x02\x03\x0a\x0b].{4}\x00|\x01[\x01\x09].{4}[\x0f\x10\x18\x20]).{8}[\x08\x0f\x10\x18\x20]",
}
_SUPPORTED: Final = [(name, re.compile(pattern, re.DOTALL)) for name, pattern in SIGNATURES.items()]
HEAD: Final = 4096


def image_format(data: bytes) -> str:
    """JPEG, PNG, GIF, BMP, WEBP, TIFF, HEIC or AVIF, from the first bytes; raises ImageUnsupported."""
    for name, pattern in _SUPPORTED:
        if pattern.match(data):
            return name
    if data[4:8] == b"ftyp" and (name := _media_format(data)):
        return name
    for name, unsupported in OTHERS.items():
        if re.match(unsupported, data[:HEAD], re.DOTALL):
            raise ImageUnsupported(f"{name} is not supported; send {SUPPORTED}.")
    raise ImageUnsupported(f"The image is not in a supported format: {SUPPORTED}.")


def _media_format(data: bytes) -> str:
    """HEIC or AVIF, from the brands at the start of an ISO media file; empty for others."""
    end = min(int.from_bytes(data[:4]), HEAD)
    brands = {data[at : at + 4] for at in (8, *range(16, end, 4))}
    return "AVIF" if brands & AVIF_BRANDS else "HEIC" if brands & HEIF_BRANDS else ""
