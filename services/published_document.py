"""The file that the directory serves: the API's public document, with the list of the models.

A deployment writes it and the directory reads it. Imports nothing that the directory's image does not contain.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The extension of the document that contains the response of `GET /v1/models`; `/v1/openapi.json` omits it.
MODELS_KEY = "x-guichet-models"
# The suffix of a compressed file. A secret is text of 64 KiB at most; the list of a hundred models takes about 25 kB.
COMPRESSED_SUFFIX = ".gz.b64"


class DocumentError(Exception):
    """The file is invalid; the message is one line that names it."""


@dataclass(frozen=True)
class PublishedDocument:
    """The list of the models, and the document as JSON."""

    models: list[dict[str, Any]]
    document: bytes


def published_text(document: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    """The content of the file, as JSON."""
    return json.dumps({**document, MODELS_KEY: models}, ensure_ascii=False) + "\n"


def compressed(text: str) -> str:
    """The text as gzip in base64, for a file whose name ends with COMPRESSED_SUFFIX."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def read_published(path: Path) -> PublishedDocument:
    """The content of the file; raises DocumentError."""
    try:
        data = path.read_bytes()
        if path.name.endswith(COMPRESSED_SUFFIX):
            data = gzip.decompress(base64.b64decode(data, validate=True))
        document = json.loads(data)
        models = document.pop(MODELS_KEY)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as err:
        raise DocumentError(
            f"{path} is not JSON, or not compressed although its name ends with {COMPRESSED_SUFFIX}"
        ) from err
    except (AttributeError, KeyError, TypeError) as err:
        raise DocumentError(f"{path} has no {MODELS_KEY}: it should be the document that a deployment writes") from err
    except OSError as err:
        raise DocumentError(f"{path} cannot be read: {err.strerror}") from err
    return PublishedDocument(models, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
