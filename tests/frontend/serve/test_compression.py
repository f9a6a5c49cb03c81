"""Compression of Streamlit's scripts."""

from __future__ import annotations

import re

import pytest
import requests

from tests.frontend.conftest import Served

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [("gzip, deflate, br", "gzip"), ("identity", None), ("br;q=1, gzip;q=0", None), ("gzip;q=0.5", "gzip")],
)
def test_scripts_are_compressed_if_the_client_accepts_gzip(served: Served, accepts: str, encoding: str | None) -> None:
    index = requests.get(served.url, timeout=10).text
    path = re.findall(r'src="\./(static/js/index[^"]+)"', index)[0]
    plain = requests.get(f"{served.url}/{path}", headers={"Accept-Encoding": "identity"}, timeout=10)
    response = requests.get(f"{served.url}/{path}", headers={"Accept-Encoding": accepts}, timeout=10)
    assert response.headers.get("Content-Encoding") == encoding
    assert response.content == plain.content
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    if encoding:
        assert int(response.headers["Content-Length"]) < len(plain.content) / 2
        assert "immutable" in response.headers["Cache-Control"]
