"""The code examples work when pasted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.harness.stub_gateway import StubGateway, stub_gateway
from frontend.images.image import Image, from_url
from frontend.results.snippets import Request, curl, hugging_face, python

pytestmark = pytest.mark.integration
NAMES = ["cat.jpg", "my cat's “best” $HOME `id` photo.jpg", "-", "--help.jpg", 'quote".jpg']
MODEL = "efficientnet-lite1"


@pytest.fixture(scope="module")
def gateway() -> Iterator[StubGateway]:
    with stub_gateway() as running:
        yield running


def run(command: list[str], folder: Path, key: str) -> str:
    environment = os.environ | {"API_KEY": key, "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def paste_curl(request: Request, folder: Path, key: str) -> str:
    return run(["bash", "-c", curl(request)], folder, key)


def paste_python(request: Request, folder: Path, key: str) -> str:
    return run([sys.executable, "-c", python(request)], folder, key)


def paste_hugging_face(request: Request, folder: Path, key: str) -> str:
    return run([sys.executable, "-c", hugging_face(request)], folder, key)


Paste = Callable[[Request, Path, str], str]


@pytest.mark.parametrize("paste", [paste_curl, paste_python])
@pytest.mark.parametrize(
    ("name", "shown"), [*((name, True) for name in NAMES), pytest.param(NAMES[0], False, id="key in the environment")]
)
def test_it_works_whatever_the_file_is_called(
    gateway: StubGateway, tmp_path: Path, paste: Paste, name: str, shown: bool
) -> None:
    (tmp_path / name).write_bytes(b"an image")
    request = Request(gateway.address, MODEL, Image("id", name), 3, gateway.key if shown else None)
    output = paste(request, tmp_path, gateway.key)
    for prediction in gateway.predictions(MODEL, b"an image", 3):
        assert str(prediction["label"]) in output
    assert gateway.bodies[-1] == b"an image"


def test_hugging_face_s_client_works(gateway: StubGateway, tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"an image")
    request = Request(gateway.address, MODEL, Image("id", "cat.jpg"), 2, gateway.key)
    output = paste_hugging_face(request, tmp_path, gateway.key)
    assert len(output.splitlines()) >= 2


@pytest.mark.parametrize("paste", [paste_curl, paste_python])
def test_a_url_is_sent_unchanged(gateway: StubGateway, tmp_path: Path, paste: Paste) -> None:
    url = "https://example.org/a'b$(id).jpg?x=1&y=%20"
    paste(Request(gateway.address, MODEL, from_url(url), 3, None), tmp_path, gateway.key)
    assert url in gateway.bodies[-1].decode()
