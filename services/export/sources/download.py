"""Download a file over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import requests

# Called with the bytes received so far, and the total if it is known.
Progress = Callable[[int, int | None], None]

CONNECT_AND_READ_SECONDS = (10, 60)
CHUNK = 1 << 20


class DownloadError(Exception):
    """The download failed; the message gives the reason in a few words."""


def download(url: str, target: Path, progress: Progress) -> None:
    """Write the response's body to `target`; raises DownloadError."""
    try:
        with requests.get(url, stream=True, timeout=CONNECT_AND_READ_SECONDS) as response, target.open("wb") as file:
            if response.status_code != requests.codes.ok:
                raise DownloadError(f"the server responded with {response.status_code}")
            total = int(response.headers["Content-Length"]) if "Content-Length" in response.headers else None
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                progress(file.tell(), total)
    except requests.RequestException as err:
        raise DownloadError(_reason(err)) from err


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.Timeout):
        return "the server did not respond in time"
    if "NameResolution" in str(error):
        return "its name cannot be resolved; is this machine online?"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was lost"
    return "the server cannot be reached"
