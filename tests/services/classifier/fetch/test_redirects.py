"""Redirects while fetching: cases 8 to 10 of the hostile inputs."""

from __future__ import annotations

import functools
import gzip
import socket
import threading
import time
from pathlib import Path

import pytest

from services.classifier.problems import FetchRedirects, UrlBlocked
from tests.services.classifier.fetch.authority import Authority
from tests.services.classifier.fetch.fetching import IMAGE, NAME, fetched, public_site
from tests.services.classifier.fetch.sites import Script, floods, redirect, response, says

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Again", "308 For ever"])
@pytest.mark.parametrize(
    "location",
    [
        *("http://169.254.169.254/", "//169.254.169.254/", "http://metadata.google.internal/", "http://2852039166/"),
        *("http://[::ffff:a9fe:a9fe]/", "http://[fec0::1]/", "http://10.0.0.1/", "https://100.64.0.1/"),
    ],
)
def test_a_redirect_to_a_private_address_is_blocked(status: str, location: str) -> None:
    with public_site(says(redirect(location, status))) as (_, recorder):
        with pytest.raises(UrlBlocked):
            fetched(f"http://{NAME}/", recorder)
        assert len(recorder.connections) == 1


def test_every_redirect_is_resolved_and_checked_again() -> None:
    with public_site(hops) as (served, recorder):
        recorder.names["private.example"] = [["10.0.0.1"]]
        with pytest.raises(UrlBlocked):
            fetched(f"http://{NAME}/2?then=http://private.example/", recorder)
        assert len(served.requests) == 3
    assert recorder.lookups == [NAME, NAME, NAME, "private.example"]


def hops(sock: socket.socket, head: bytes, _stop: threading.Event) -> None:
    """`/N?then=URL` redirects N times, then to the URL; without a URL, an image follows the last redirect."""
    _, target, _ = head.decode().split(" ", 2)
    path, _, then = target.partition("?then=")
    left = int(path.strip("/"))
    following = f"/{left - 1}?then={then}" if left else then
    sock.sendall(redirect(following) if following else response(IMAGE))


def test_three_redirects_are_followed_without_cookies_or_referer() -> None:
    with public_site(hops) as (served, recorder):
        assert fetched(f"http://{NAME}/3?then=", recorder) == IMAGE
    assert len(served.requests) == 4
    assert not [head for head in served.requests if b"ookie" in head or b"eferer" in head or b"uthorization" in head]


def test_a_fourth_redirect_is_not_followed() -> None:
    with public_site(hops) as (served, recorder):
        with pytest.raises(FetchRedirects):
            fetched(f"http://{NAME}/4?then=", recorder)
        assert len(served.requests) == 4


LOCATIONS = {
    "loop": "/",
    "nowhere": "",
    "file": "file:///etc/passwd",
    "ftp": "ftp://example.com/",
    "data": "data:image/png;base64,AA",
    "gopher": "gopher://example.com/",
    "credentials": f"http://a:b@{NAME}/",
    "port": f"http://{NAME}:99999/",
    "bracket": "http://[",
    "space-in-host": "http://photos .example/",
    "utf-8-in-host": "http://ph\xc3\xb6tos.example/",
    "backslash": "/\\evil.example/",
    "too-long": "/" + "a" * 9000,
}


@pytest.mark.parametrize("location", LOCATIONS.values(), ids=LOCATIONS)
def test_an_invalid_or_circular_redirect_is_refused(location: str) -> None:
    with public_site(says(redirect(location))) as (served, recorder):
        with pytest.raises(FetchRedirects):
            fetched(f"http://{NAME}/", recorder)
        assert len(served.requests) <= 4


@pytest.mark.parametrize(
    ("location", "path"),
    [
        pytest.param("/caf\xc3\xa9.jpg", "/caf%C3%A9.jpg", id="utf-8"),
        pytest.param("/caf\xe9.jpg", "/caf%E9.jpg", id="latin-1"),
        pytest.param("/my photo.jpg?a b", "/my%20photo.jpg?a%20b", id="spaces"),
        pytest.param("/a%20b.jpg", "/a%20b.jpg", id="percent-encoded"),
        pytest.param("/a.jpg \t ", "/a.jpg", id="trailing-white-space"),
        pytest.param("a.jpg", "/folder/a.jpg", id="relative"),
        pytest.param("../a.jpg", "/a.jpg", id="parent"),
        pytest.param("?a=b", "/folder/start?a=b", id="query"),
        pytest.param(f"//{NAME}/a.jpg", "/a.jpg", id="without-scheme"),
        pytest.param(f"HTTP://{NAME.upper()}/a.jpg#c", "/a.jpg", id="absolute"),
    ],
)
def test_a_location_is_resolved_as_in_browsers(location: str, path: str) -> None:
    def script(sock: socket.socket, head: bytes, _stop: threading.Event) -> None:
        sock.sendall(redirect(location) if head.startswith(b"GET /folder/start ") else response(IMAGE))

    with public_site(script) as (served, recorder):
        assert fetched(f"http://{NAME}/folder/start", recorder) == IMAGE
    assert served.requests[1].startswith(f"GET {path} HTTP/1.1\r\n".encode())


def test_https_does_not_redirect_to_http(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    script, tls = says(redirect(f"http://{NAME}/")), authority.context(NAME)
    with public_site(script, tls) as (_, recorder), pytest.raises(FetchRedirects):
        fetched(f"https://{NAME}/", recorder, authorities=authority.file)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(
            redirect("/image", body=gzip.compress(bytes(1 << 26), 9, mtime=0), content_encoding="gzip"),
            id="64-MiB-bomb",
        ),
        pytest.param(redirect("/image", content_length=""), id="endless"),
    ],
)
def test_the_body_of_a_redirect_is_never_read(first: bytes) -> None:
    script: Script = functools.partial(redirect_then_image, first, IMAGE)
    with public_site(script) as (_, recorder):
        worked = time.thread_time()
        assert fetched(f"http://{NAME}/", recorder) == IMAGE
        assert time.thread_time() - worked < 0.5


def redirect_then_image(first: bytes, image: bytes, sock: socket.socket, head: bytes, stop: threading.Event) -> None:
    """Redirects to /image with a body that never ends."""
    if head.startswith(b"GET /image "):
        sock.sendall(response(image))
    else:
        floods(first, b"0" * 1000)(sock, head, stop)
