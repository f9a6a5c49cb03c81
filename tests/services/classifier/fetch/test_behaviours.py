"""Behaviours of public hosts: each image is predicted, and each failure has its own sentence.

The table in docs/hostile.md lists the same ones.
"""

from __future__ import annotations

import gzip
import re
import socket
import threading
from collections.abc import Callable

import pytest
import requests

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT
from services.classifier.settings import USER_AGENT
from tests.running import Service, StartService
from tests.services.classifier.fetch.sites import Script, drips, redirect, response, says, site
from tests.services.raw_http import require_no_internals

pytestmark = pytest.mark.integration

MAX_BYTES = 1_000_000
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


@pytest.fixture(scope="module")
def service(start_service: StartService) -> Service:
    return start_service(
        MODEL_NAME="efficientnet-lite0",
        GUICHET_URL_LOOPBACK="on",
        GUICHET_URL_SECONDS="1",
        GUICHET_MAX_BODY=str(MAX_BYTES),
    )


def predicted(service: Service, url: str) -> requests.Response:
    result = requests.post(f"{service.url}/predict", json={"url": url}, timeout=10)
    require_no_internals(result.content, str(result.headers))
    return result


def redirects(location: str, path: str) -> Callable[[bytes], Script]:
    """Redirects to `location`; the image is at `path` only."""

    def scripts(image: bytes) -> Script:
        def script(sock: socket.socket, head: bytes, _stop: threading.Event) -> None:
            found = head.startswith(f"GET {path} ".encode())
            start = head.startswith(b"GET / ")
            host = head.partition(b"Host: ")[2].partition(b"\r\n")[0].decode()
            target = redirect(location.format(host=host))
            sock.sendall(response(image) if found else target if start else response(b"", "404 Oh"))

        return script

    return scripts


def image(content_encoding: str) -> Callable[[bytes], Script]:
    """Sends the image, with this Content-Encoding."""
    return lambda image: says(
        response(image).replace(b"\r\n", f"\r\nContent-Encoding: {content_encoding}\r\n".encode(), 1)
    )


def three_redirects(image: bytes) -> Script:
    responses = {b"/": redirect("/a", "303 See"), b"/a": redirect("b", "307 Now"), b"/b": redirect("/c", "308 Always")}

    def script(sock: socket.socket, head: bytes, _stop: threading.Event) -> None:
        sock.sendall(responses.get(head.split(b" ")[1], response(image)))

    return script


def chunked(image: bytes) -> bytes:
    pieces = (image[at : at + 5000] for at in range(0, len(image), 5000))
    chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nChecksum: x\r\n\r\n"


def twice(message: bytes, header: bytes) -> bytes:
    line = next(line for line in message.split(b"\r\n") if line.lower().startswith(header.lower()))
    return message.replace(line, line + b"\r\n" + line, 1)


DOWNLOAD = {"content_disposition": 'attachment; filename="a.txt"'}
MANY_HEADERS = {f"x-{number}": "a value of middling length, as these have" for number in range(200)}
READ: dict[str, Callable[[bytes], Script]] = {
    "raw UTF-8 in Location": redirects("/caf\xc3\xa9.jpg", "/caf%C3%A9.jpg"),
    "spaces in Location": redirects("/my photo.jpg", "/my%20photo.jpg"),
    "white space after Location": redirects("/a.jpg \t ", "/a.jpg"),
    "an empty Content-Encoding": image(""),
    "Content-Encoding: identity": image("identity"),
    "Content-Encoding: none": image("none"),
    "Content-Encoding: aws-chunked": image("aws-chunked"),
    "a charset as Content-Encoding": image("UTF-8"),
    "a media type as Content-Encoding": image("image/jpeg"),
    "informational responses first": lambda image: says(b"HTTP/1.1 100 Continue\r\n\r\n", HINTS, response(image)),
    "200 header lines": lambda image: says(response(image, **MANY_HEADERS)),
    "a wrong Content-Type": lambda image: says(response(image, content_type="text/html")),
    "an image as a download": lambda image: says(response(image, content_type="application/octet-stream", **DOWNLOAD)),
    "no Content-Type": lambda image: says(response(image, content_type="")),
    "redirects with 303, 307 and 308": three_redirects,
    "a query alone as Location": redirects("?size=large", "/?size=large"),
    "a Location with a fragment": redirects("/a.jpg#top", "/a.jpg"),
    "a Location without a scheme": redirects("//{host}/a.jpg", "/a.jpg"),
    "HTTP/1.0 without a length": lambda image: says(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n" + image),
    "chunks with extensions, and trailers": lambda image: says(chunked(image)),
    "the same Content-Length twice": lambda image: says(twice(response(image), b"Content-Length")),
    "more bytes than the Content-Length": lambda image: says(response(image) + b"more"),
    "line feeds without carriage returns": lambda image: says(
        b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(image) + image
    ),
    "a status without a reason": lambda image: says(response(image, "200")),
}
REFUSED: dict[str, tuple[int, str, str, Script]] = {
    "a status other than 200": (422, "fetch_type", "HTTP status 404", says(response(b"gone", "404 Not Found"))),
    "a status without a body": (422, "fetch_type", "HTTP status 304", says(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    "a part that was not requested": (422, "fetch_type", "HTTP status 206", says(response(b"part", "206 Partial"))),
    "an HTML page": (422, "fetch_type", "an HTML page", says(response(b"<!doctype html><title>Sign in</title>"))),
    "JSON": (422, "fetch_type", "JSON, not an image", says(response(b'{"a": 1}', content_type="application/json"))),
    "text": (422, "fetch_type", "text, not an image", says(response(b"No such image", content_type="text/plain"))),
    "a redirect to itself for a cookie": (422, "fetch_redirects", "more than 3 times", says(redirect("/"))),
    "a redirect to data: or file:": (422, "fetch_redirects", "non-HTTP(S)", says(redirect("file:///etc/passwd"))),
    "a redirect without a Location": (422, "fetch_redirects", "without a Location", says(redirect(""))),
    "an empty body": (422, "fetch_type", "an empty body", says(response(b""))),
    "an unsupported format": (422, "fetch_type", "SVG", says(response(SVG, content_type="image/svg+xml"))),
    "a body over the limit": (413, "fetch_too_large", "1,000,000 bytes", says(response(b"", content_length="1000001"))),
    "a slow response": (422, "fetch_timeout", "too long", drips(response(b"", content_length="999"), b"x", 0.3)),
    "a compressed body": (
        422,
        "fetch_encoding",
        "compressed",
        says(response(gzip.compress(SVG), content_encoding="gzip")),
    ),
    "an incomplete body": (422, "fetch_truncated", "before the whole image", says(response(b"x", content_length="9"))),
}


@pytest.mark.parametrize("scripts", READ.values(), ids=READ)
def test_what_browsers_show_is_predicted(
    service: Service, photos: list[Photo], scripts: Callable[[bytes], Script]
) -> None:
    with site(scripts(photos[0].data)) as served:
        result = predicted(service, served.url)
    assert result.status_code == 200, result.text
    assert result.json() == requests.post(f"{service.url}/predict", data=photos[0].data, timeout=10).json()


@pytest.mark.parametrize(("status", "code", "words", "script"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_an_image_is_described(
    service: Service, status: int, code: str, words: str, script: Script
) -> None:
    with site(script) as served:
        result = predicted(service, served.url)
    assert (result.status_code, result.json()["code"]) == (status, code)
    assert words in result.json()["detail"]


def test_no_two_failures_have_the_same_sentence(service: Service) -> None:
    details: set[str] = set()
    for _, _, _, script in REFUSED.values():
        with site(script) as served:
            details.add(predicted(service, served.url).json()["detail"])
    assert len(details) == len(REFUSED)


def test_a_url_of_8192_characters_is_fetched(service: Service, photos: list[Photo]) -> None:
    with site(says(response(photos[0].data))) as served:
        assert predicted(service, served.url.ljust(8192, "a")).status_code == 200
        assert predicted(service, served.url.ljust(8193, "a")).json()["code"] == "url_invalid"


def test_the_documentation_lists_the_same_behaviours() -> None:
    text = (ROOT / "docs" / "hostile.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \| (?:200|413|422)\b", text.partition("## Fetching")[2], re.MULTILINE)
    assert rows == [*READ, *REFUSED]


@pytest.mark.parametrize(
    ("variables", "agent"),
    [
        pytest.param({}, USER_AGENT, id="default"),
        pytest.param({"GUICHET_CONTACT": "bot@shop.example"}, f"{USER_AGENT} (+bot@shop.example)", id="contact"),
        pytest.param({"GUICHET_USER_AGENT": "shop/2.1 (+https://shop.example/bot)"}, None, id="whole"),
    ],
)
def test_requests_name_the_product_its_version_and_the_contact_that_was_set(
    start_service: StartService, photos: list[Photo], variables: dict[str, str], agent: str | None
) -> None:
    service = start_service(MODEL_NAME="efficientnet-lite0", GUICHET_URL_LOOPBACK="on", **variables)
    with site(says(response(photos[0].data))) as served:
        assert predicted(service, served.url).status_code == 200
    assert f"\r\nUser-Agent: {agent or variables['GUICHET_USER_AGENT']}\r\n".encode() in served.requests[0]


def test_the_default_user_agent_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert f"guichet/{version[1]}" == USER_AGENT
