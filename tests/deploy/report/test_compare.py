"""What a staged revision would change."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from deploy.errors import CommandFailed, SettingsError
from deploy.report.compare import compare, comparison_table, predictor, read_images

pytestmark = pytest.mark.integration

FLOWERS = ("rose", "tulip")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Sixteen images in two folders; the first byte says which flower it is."""
    for label in FLOWERS:
        (tmp_path / label).mkdir()
        for number in range(8):
            (tmp_path / label / f"{number}.jpg").write_bytes(label[:1].encode() + bytes([number]))
    return tmp_path


@contextmanager
def model(wrong: set[tuple[str, int]]) -> Iterator[str]:
    """A service that knows every flower but those in `wrong`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            label = next(label for label in FLOWERS if label[:1].encode() == body[:1])
            said = label if (label, body[1]) not in wrong else next(other for other in FLOWERS if other != label)
            response = json.dumps([{"label": said, "score": 1.0}]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(response)))
            self.end_headers()
            self.wfile.write(response)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_differences_of_two_models_are_found_exactly(images: Path) -> None:
    with model(wrong={("rose", 0)}) as running, model(wrong={("rose", 1), ("rose", 2), ("tulip", 3)}) as staged:
        found = compare("flowers", read_images(images), predictor(running, {}), predictor(staged, {}))
    assert found.changes == {("rose", "tulip"): 2, ("tulip", "rose"): 2}
    assert found.share == 4 / 16
    assert (found.accuracy(found.running), found.accuracy(found.staged)) == (15 / 16, 13 / 16)
    console = Console(file=io.StringIO(), width=200)
    console.print(comparison_table([found]))
    assert isinstance(console.file, io.StringIO)
    assert "25.0% (4 of 16)" in console.file.getvalue()
    assert "2 × rose → tulip" in console.file.getvalue()


def test_without_labels_there_is_no_accuracy(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"r\0")
    with model(wrong=set()) as url:
        found = compare("flowers", read_images(tmp_path), predictor(url, {}), predictor(url, {}))
    assert (found.share, found.accuracy(found.running)) == (0, None)


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set IMAGES"):
        read_images(tmp_path)


def test_a_service_that_does_not_respond_is_named(images: Path) -> None:
    ask = predictor("http://127.0.0.1:1", {})
    with pytest.raises(CommandFailed, match=r"http://127\.0\.0\.1:1 did not classify 0\.jpg"):
        ask(read_images(images)[0])
