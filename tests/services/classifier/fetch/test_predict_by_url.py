"""Predictions for an image URL, over HTTP: cases 1 to 20 of the hostile inputs as a client sees them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from tests.running import Service, StartService
from tests.services.classifier.fetch.sites import (
    Script,
    drips,
    floods,
    is_silent,
    redirect,
    resets,
    response,
    says,
    site,
)
from tests.services.classifier.fetch.test_redirects import redirect_then_image
from tests.services.classifier.fetch.urls import BLOCKED, INVALID
from tests.services.raw_http import Reference, http_process, require_log_lines, require_no_internals

pytestmark = pytest.mark.integration

HTML = b"<!doctype html><title>Sign in</title>"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def local(start_service: StartService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that may fetch from this machine, in an environment with proxies and passwords."""
    home = tmp_path_factory.mktemp("home")
    (home / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    with site(is_silent) as proxy:
        names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        service = start_service(
            MODEL_NAME="efficientnet-lite0",
            GUICHET_URL_LOOPBACK="on",
            GUICHET_URL_SECONDS="3",
            GUICHET_CONCURRENCY="4",
            HOME=str(home),
            NO_PROXY="",
            no_proxy="",
            **dict.fromkeys(names, proxy.url),
        )
        yield service
        assert not proxy.requests
        require_log_lines(service)


def predicted(service: Service, url: Any, **more: Any) -> requests.Response:
    result = requests.post(f"{service.url}/predict", json={"url": url, **more}, timeout=10)
    require_no_internals(result.content, str(result.headers))
    return result


def outcome(result: requests.Response) -> tuple[int, str]:
    return result.status_code, result.json()["code"]


@pytest.mark.parametrize("url", BLOCKED.values(), ids=BLOCKED)
def test_a_private_url_is_blocked(lite0: Service, url: str) -> None:
    result = predicted(lite0, url)
    assert outcome(result) == (400, "url_blocked")


@pytest.mark.parametrize("url", [*INVALID.values(), None, 5, True, [], {}, ["http://example.com/"]], ids=str)
def test_an_invalid_url_is_refused(lite0: Service, url: Any) -> None:
    if isinstance(url, str) and not url.isprintable() and "\ud800" in url:
        assert outcome(predicted(lite0, url)) == (400, "json_invalid")
    else:
        assert outcome(predicted(lite0, url)) == (400, "url_invalid")


def test_a_photo_by_url_gets_the_same_prediction_as_its_bytes(local: Service, photos: list[Photo]) -> None:
    data = photos[0].data
    with site(says(response(data))) as served:
        result = predicted(local, served.url, parameters={"top_k": 3})
        assert not [head for head in served.requests if b"uthorization" in head]
    direct = requests.post(f"{local.url}/predict?top_k=3", data=data, timeout=10)
    assert result.json() == direct.json()
    fetch = re.search(r"fetch;dur=([0-9.]+)", result.headers["Server-Timing"])
    assert fetch
    assert float(fetch[1]) > 0


SITES = {
    "html": (422, "fetch_type", says(response(HTML, content_type="text/html"))),
    "html-as-image": (422, "fetch_type", says(response(HTML, content_type="image/png"))),
    "svg": (
        422,
        "fetch_type",
        says(response(b"<svg xmlns='http://www.w3.org/2000/svg'/>", content_type="image/svg+xml")),
    ),
    "nothing": (422, "fetch_type", says(response(b""))),
    "png-and-html": (422, "image_corrupt", says(response(PNG + HTML, content_type="image/png"))),
    "not-found": (422, "fetch_type", says(response(PNG, "404 Not Found"))),
    "unauthorised": (422, "fetch_type", says(response(PNG, "401 Unauthorized", www_authenticate="Basic"))),
    "failed": (422, "fetch_type", says(response(HTML, "500 Oh"))),
    "no-content": (422, "fetch_type", says(response(b"", "204 No Content"))),
    "to-the-metadata": (400, "url_blocked", says(response(status="302 Found", location="http://169.254.169.254/"))),
    "to-a-file": (422, "fetch_redirects", says(response(status="302 Found", location="file:///etc/passwd"))),
    "to-itself": (422, "fetch_redirects", says(response(status="302 Found", location="/"))),
    "slow": (422, "fetch_timeout", drips(response(b"", content_length="999"), b"x", 0.3)),
    "slow-headers": (422, "fetch_timeout", drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", 0.3)),
    "silent": (422, "fetch_timeout", is_silent),
    "too-large": (413, "fetch_too_large", says(response(b"", content_length=str(10 * 2**20 + 1)))),
    "endless": (413, "fetch_too_large", floods(response(b"", content_length=""), b"x" * 1000)),
    "compressed": (422, "fetch_encoding", says(response(gzip.compress(PNG), content_encoding="gzip"))),
    "cut": (422, "fetch_truncated", says(response(PNG, content_length="1000"))),
    "reset": (422, "fetch_truncated", resets(response(PNG, content_length="1000"))),
    "closed": (422, "fetch_failed", says()),
}


@pytest.mark.parametrize(("status", "code", "script"), SITES.values(), ids=SITES)
def test_every_misbehaviour_of_a_server_has_a_code(local: Service, status: int, code: str, script: Script) -> None:
    with site(script) as served:
        result = predicted(local, served.url)
        assert outcome(result) == (status, code)
        assert str(served.port) not in result.text


def test_the_service_still_predicts_after_all_of_that(local: Service, photos: list[Photo]) -> None:
    Reference(local, photos[0].data).require_unharmed()


def test_a_redirect_with_a_bomb_for_a_body_costs_no_memory(local: Service, photos: list[Photo]) -> None:
    bomb = redirect("/image", body=gzip.compress(bytes(1 << 26), 9, mtime=0), content_encoding="gzip")
    script = partial(redirect_then_image, bomb, photos[0].data)
    with site(says(response(photos[0].data))) as served:
        assert predicted(local, served.url).status_code == 200
    process = http_process(local)
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    before = peak_memory(process.pid)
    with site(script) as served:
        for _ in range(3):
            assert predicted(local, served.url).status_code == 200
    assert peak_memory(process.pid) - before < 20


def peak_memory(pid: int) -> float:
    """Peak resident memory in MiB since it was last reset."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) / 1024


def test_slow_urls_do_not_block_uploads(local: Service, photos: list[Photo]) -> None:
    """At most two of the four slots are for URLs."""
    with site(is_silent) as served, ThreadPoolExecutor(6) as pool:
        pending = [pool.submit(predicted, local, served.url) for _ in range(6)]
        wait_for(lambda: sum(each.done() for each in pending) == 4, 20, "four requests to be refused")
        refused = [each.result() for each in pending if each.done()]
        assert [outcome(result) for result in refused] == [(429, "overloaded")] * 4
        assert {result.headers["Retry-After"] for result in refused} == {"1"}
        photo = requests.post(f"{local.url}/predict", data=photos[0].data, timeout=5)
        assert photo.status_code == 200
        waited = [each.result() for each in pending if each.result() not in refused]
        assert [outcome(result) for result in waited] == [(422, "fetch_timeout")] * 2


def test_a_request_with_two_images_or_none_is_refused_before_anything_is_fetched(local: Service) -> None:
    with site(says(response(PNG))) as served:
        predict, url = f"{local.url}/predict", served.url
        results = [
            predicted(local, url, inputs="AAAA"),
            requests.post(predict, data=f'{{"url": "{url}", "url": "{url}"}}', headers=JSON, timeout=5),
            requests.post(predict, params={"url": url}, json={"url": url}, timeout=5),
            requests.post(predict, params={"url": url}, data=PNG, timeout=5),
            requests.post(predict, files={"image": PNG, "url": url.encode()}, timeout=5),
            requests.post(predict, json={"parameters": {"top_k": 1}}, timeout=5),
        ]
        assert [outcome(result) for result in results] == [(400, "input_ambiguous")] * len(results)
        assert not served.requests


JSON = {"Content-Type": "application/json"}


def test_fetching_can_be_turned_off(start_service: StartService, tmp_path: Path) -> None:
    service = start_service(
        "tests.services.fake_model_service", MODEL_NAME="fake", FAKE_MODEL=str(tmp_path), GUICHET_URL_FETCH="off"
    )
    assert outcome(predicted(service, "http://example.com/")) == (403, "url_disabled")
