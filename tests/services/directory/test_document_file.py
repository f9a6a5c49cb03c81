"""The published document: read, read again once a minute, and kept while its file is invalid."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from services.directory.document_file import DocumentFile
from services.published_document import DocumentError, read_published


def text(*models: str) -> str:
    return json.dumps({"info": {"title": "é"}, "x-guichet-models": [{"name": name} for name in models]})


def packed(content: str) -> bytes:
    return base64.b64encode(gzip.compress(content.encode()))


@pytest.mark.parametrize(
    ("name", "content"),
    [("openapi.json", text("a", "b").encode()), ("openapi.json.gz.b64", packed(text("a", "b")))],
    ids=["plain", "packed"],
)
def test_the_list_of_models_is_removed_from_the_document(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    shown = read_published(tmp_path / name)
    assert shown.models == [{"name": "a"}, {"name": "b"}]
    assert json.loads(shown.document) == {"info": {"title": "é"}}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("x.json", b"{", "x.json is not JSON", id="cut"),
        pytest.param("x.json", b"\xff\xfe\x00", "x.json is not JSON", id="no-text"),
        pytest.param("x.json", packed(text()), "x.json is not JSON", id="packed-by-another-name"),
        pytest.param("x.gz.b64", text().encode(), "x.gz.b64 is not JSON", id="plain-by-another-name"),
        pytest.param("x.gz.b64", b"AAAA", "x.gz.b64 is not JSON", id="no-gzip"),
        pytest.param("x.gz.b64", packed(text("a"))[:-8], "x.gz.b64 is not JSON", id="cut-gzip"),
        pytest.param("x.json", b"{}", "x.json has no x-guichet-models", id="no-list"),
        pytest.param("x.json", b"[]", "x.json has no x-guichet-models", id="a-list"),
    ],
)
def test_an_invalid_file_is_reported_in_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentError, match=said) as err:
        read_published(tmp_path / name)
    assert "\n" not in str(err.value)


def test_a_new_version_is_served_within_a_minute(tmp_path: Path) -> None:
    now = [100.0]
    file = tmp_path / "openapi.json"
    file.write_text(text("a"))
    window = DocumentFile(file, lambda: now[0])
    file.write_text(text("a", "b"))
    now[0] += 59
    assert len(window().models) == 1
    now[0] += 1
    assert len(window().models) == 2


def test_the_previous_content_is_served_while_the_file_is_invalid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    file = tmp_path / "openapi.json"
    file.write_text(text("a"))
    window = DocumentFile(file, lambda: now[0])
    file.unlink()
    now[0] += 60
    assert len(window().models) == 1
    assert "openapi.json cannot be read" in caplog.text
    file.write_text(text("a", "b"))
    assert len(window().models) == 1
    now[0] += 60
    assert len(window().models) == 2
