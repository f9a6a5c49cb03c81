"""Which URLs are refused before anything is resolved: cases 1 to 4, 11 and 12 of the hostile inputs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.fetch.url import MAX_LENGTH, parsed_url
from services.classifier.problems import UrlBlocked, UrlInvalid
from tests.services.classifier.fetch.urls import BLOCKED, INVALID


@pytest.mark.parametrize("url", BLOCKED.values(), ids=BLOCKED)
def test_a_url_that_can_only_be_private_is_blocked(url: str) -> None:
    with pytest.raises(UrlBlocked):
        parsed_url(url)


@pytest.mark.parametrize("url", INVALID.values(), ids=INVALID)
def test_a_url_that_is_not_plainly_http_is_invalid(url: str) -> None:
    with pytest.raises(UrlInvalid):
        parsed_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("http://example.com", "example.com", 80, "/", "example.com"),
        ("https://example.com/a.jpg", "example.com", 443, "/a.jpg", "example.com"),
        ("HTTPS://EXAMPLE.com:443/a?b=c#d", "example.com", 443, "/a?b=c", "example.com"),
        ("http://example.com:443/", "example.com", 443, "/", "example.com:443"),
        ("http://example.com./a", "example.com", 80, "/a", "example.com"),
        ("http://xn--exmple-cua.com/", "xn--exmple-cua.com", 80, "/", "xn--exmple-cua.com"),
        ("http://8.8.8.8/a", "8.8.8.8", 80, "/a", "8.8.8.8"),
        ("https://[2606:4700::1111]/a", "2606:4700::1111", 443, "/a", "[2606:4700::1111]"),
        ("http://example.com/a%20b", "example.com", 80, "/a%20b", "example.com"),
        ("http://example.com/@a", "example.com", 80, "/@a", "example.com"),
        ("http://example.com?a=b", "example.com", 80, "/?a=b", "example.com"),
        ("http://example.com:/a", "example.com", 80, "/a", "example.com"),
        ("http://example.com/b/../a/./c", "example.com", 80, "/a/c", "example.com"),
        ("http://example.com//b.example/../a", "example.com", 80, "//b.example/../a", "example.com"),
        ("http://example.com/\u00e9?\u00e9", "example.com", 80, "/%C3%A9?%C3%A9", "example.com"),
        ("http://example.com/a%2fb%zz[1]|", "example.com", 80, "/a%2fb%zz%5B1%5D%7C", "example.com"),
    ],
)
def test_a_valid_url_is_split_into_its_parts(url: str, host: str, port: int, path: str, authority: str) -> None:
    parsed = parsed_url(url)
    assert (parsed.host, parsed.port, parsed.path, parsed.authority) == (host, port, path, authority)


def test_a_url_of_the_maximum_length_is_valid() -> None:
    start = "http://example.com/"
    assert len(str(parsed_url(start.ljust(MAX_LENGTH, "a")))) == MAX_LENGTH
    with pytest.raises(UrlInvalid):
        parsed_url(start.ljust(MAX_LENGTH + 1, "a"))


def test_the_loopback_switch_allows_this_machine_and_any_port() -> None:
    assert str(parsed_url("http://127.0.0.1:8000/a", loopback=True)) == "http://127.0.0.1:8000/a"
    for url in ("http://127.0.0.1:0/", "http://127.0.0.1:65536/"):
        with pytest.raises(UrlInvalid):
            parsed_url(url, loopback=True)
    for url in ("http://localhost/", "http://10.0.0.1/", "http://0x7f000001/"):
        with pytest.raises(UrlBlocked):
            parsed_url(url, loopback=True)


@given(st.text(max_size=60) | st.text("ht:/@#?.[]%\\ 0123456789abcdefx", max_size=60).map("http://".__add__))
def test_any_text_is_a_url_or_invalid_or_blocked(text: str) -> None:
    try:
        parsed = parsed_url(text)
    except (UrlInvalid, UrlBlocked):
        return
    assert parsed.scheme in ("http", "https")
    assert parsed.port in (80, 443)
    assert "@" not in parsed.authority
    assert parsed.host.isascii()
    assert parsed.path.isascii()
    assert parsed_url(str(parsed)) == parsed
