"""The commonest mistakes, made with curl: each error says how to make the request instead."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.photos import Photo
from tests.running import Service
from tests.services.raw_http import head, require_no_internals, send_raw

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
pytestmark = pytest.mark.integration

JSON_TYPE = "Content-Type: application/json"
FORM_TYPE = "Content-Type: multipart/form-data"
INPUTS = '{"inputs": "'
PAGE = base64.b64encode(b"<!doctype html><title>x</title>").decode() + '"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: list[Photo]) -> Path:
    """A folder with a photo, and the start of a PDF."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "x.jpg").write_bytes(photos[0].data)
    (folder / "x.pdf").write_bytes(b"%PDF-1.7\n")
    return folder


def curl(service: Service, folder: Path, *arguments: str) -> Any:
    """The JSON of the response."""
    command = ["curl", "--silent", "--noproxy", "*", "--max-time", "20", *arguments, f"{service.url}/predict"]
    run = subprocess.run(command, cwd=folder, capture_output=True, timeout=30, check=True)
    require_no_internals(run.stdout)
    return json.loads(run.stdout)


@needs_curl
@pytest.mark.parametrize(
    ("arguments", "status", "code", "remedy"),
    [
        (["-d", "@x.jpg"], 415, "media_type_unsupported", "--data-binary @FILE"),
        (["-d", "x.jpg"], 415, "media_type_unsupported", "--data-binary @FILE"),
        (["-d", '{"url": "https://a.example/x.jpg"}'], 415, "media_type_unsupported", "Content-Type: application/json"),
        (["-d", "url=https://a.example/x.jpg"], 415, "media_type_unsupported", "Content-Type: application/json"),
        (["-H", "Content-Type:", "-d", '{"inputs": ""}'], 415, "image_unsupported", "Content-Type: application/json"),
        (["-H", "Content-Type:", "--data-binary", "x.jpg"], 415, "image_unsupported", "write `@` before it"),
        (["-X", "POST"], 415, "image_unsupported", "The body is empty"),
        (["-H", JSON_TYPE, "-X", "POST"], 400, "json_invalid", "The body is empty"),
        (["-T", "x.jpg"], 405, "method_not_allowed", "it supports OPTIONS, POST"),
        (["-F", "image=x.jpg"], 415, "image_unsupported", "write `@` before it"),
        (["-F", "file=@x.jpg"], 400, "multipart_invalid", "named `image`; it has `file`"),
        (["-F", "url=https://a.example/x.jpg"], 400, "input_ambiguous", "Send a URL as JSON"),
        (["-F", "image=@x.jpg", "-F", "image=@x.jpg"], 400, "input_ambiguous", "it has `image`, `image`"),
        (["-F", "image=@x.jpg", "-F", "top_k=3"], 400, "multipart_invalid", "Send parameters in the query"),
        (["-H", "Content-Type: image/jpeg", "-d", "@x.jpg"], 415, "media_type_unsupported", "--data-binary @FILE"),
        (["--data-binary", "@x.pdf"], 415, "media_type_unsupported", "PDF is not supported; send JPEG"),
        (["-H", JSON_TYPE, "--data-binary", "@x.jpg"], 400, "json_invalid", "without `Content-Type: application/json`"),
        (["-H", JSON_TYPE, "-d", "{'url': 'https://a.example/x.jpg'}"], 400, "json_invalid", "double quotes"),
        (["-H", JSON_TYPE, "-d", '{"inputs": "AAAA", "top_k": 3}'], 400, "json_invalid", "inside `parameters`"),
        (["-H", FORM_TYPE, "--data-binary", "@x.jpg"], 415, "media_type_unsupported", "boundary"),
        (["-H", "Content-Encoding: gzip", "--data-binary", "@x.jpg"], 415, "content_encoding_unsupported", "`gzip`"),
        (["-H", JSON_TYPE, "-d", '{"instances": [{"b64": "AAAA"}]}'], 400, "json_invalid", "as `inputs`"),
        (["-H", JSON_TYPE, "-d", '{"image": "AAAA"}'], 400, "json_invalid", "the fields are `url`, `inputs`"),
        (["-H", JSON_TYPE, "-d", '{"inputs": "https://a.example/x.jpg"}'], 400, "json_invalid", "as `url`"),
        (["-H", JSON_TYPE, "-d", '{"url": "data:image/png;base64,AAAA"}'], 400, "url_invalid", "as `inputs`"),
        (["-H", JSON_TYPE, "-d", f"{INPUTS}data:text/html;base64,{PAGE}"], 415, "media_type_unsupported", "text/html"),
        (["-H", JSON_TYPE, "-d", f"{INPUTS}{PAGE}"], 415, "image_unsupported", "HTML is not supported"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_the_error_contains_the_remedy(
    lite0: Service, folder: Path, arguments: list[str], status: int, code: str, remedy: str
) -> None:
    problem = curl(lite0, folder, *arguments)
    assert (problem["status"], problem["code"]) == (status, code)
    assert remedy in problem["detail"]


@needs_curl
@pytest.mark.parametrize(
    "arguments",
    [
        ["--data-binary", "@x.jpg"],
        ["-F", "image=@x.jpg"],
        ["-H", "Content-Encoding: identity", "--data-binary", "@x.jpg"],
    ],
    ids=" ".join,
)
def test_a_request_without_a_mistake_is_predicted(lite0: Service, folder: Path, arguments: list[str]) -> None:
    assert curl(lite0, folder, *arguments) == curl(lite0, folder, "--data-binary", "@x.jpg")


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
@pytest.mark.parametrize(
    "length", [{"content_length": "9"}, {"transfer_encoding": "chunked"}], ids=["length", "chunked"]
)
def test_a_body_after_an_upgrade_is_refused_with_the_remedy(
    lite0: Service, protocol: str, length: dict[str, str]
) -> None:
    received = send_raw(lite0, head(connection="Upgrade", upgrade=protocol, **length), finish=False)
    assert received.statuses == [400]
    assert "without its Upgrade header" in received.responses[0].json["detail"]
    assert received.closed


def test_only_the_first_of_many_upgrades_on_a_connection_gets_a_response(lite0: Service) -> None:
    request = head("GET", "/live", connection="Upgrade", upgrade="h2c")
    received = send_raw(lite0, request * 3000, finish=False)
    assert received.statuses == [200]
    assert received.closed


def test_a_websocket_is_refused_with_the_methods_of_the_path(lite0: Service) -> None:
    received = send_raw(lite0, head("GET", connection="Upgrade", upgrade="websocket", sec_websocket_version="13"))
    assert received.statuses == [405]
    assert "OPTIONS, POST" in received.responses[0].json["detail"]
