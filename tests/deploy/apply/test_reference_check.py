"""Compare the scores that a gateway returns with recorded ones."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.apply.reference_check import calibrated, check_references
from deploy.plan.reference_scores import ReferenceScores

pytestmark = pytest.mark.integration

KEY = "key"
RECEIPT = {"reference": {"allowed": {"mean": 0.01, "worst": 0.05}}}
RECORDED = {"ant": 0.7, "bee": 0.3}


@dataclass
class FakeGateway:
    """Its address, and what it returns for any model."""

    url: str = ""
    receipt: dict[str, Any] = field(default_factory=lambda: dict(RECEIPT))
    scores: dict[str, float] = field(default_factory=lambda: dict(RECORDED))
    requests: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    fake = FakeGateway()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send({"receipt": fake.receipt})

        def do_POST(self) -> None:
            fake.requests.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            best_first = sorted(fake.scores.items(), key=lambda one: -one[1])
            self._send([{"label": label, "score": score} for label, score in best_first])

        def _send(self, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(200 if self.headers["x-api-key"] == KEY else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture
def reference(tmp_path: Path) -> ReferenceScores:
    (tmp_path / "one.png").write_bytes(b"an image")
    return ReferenceScores("/v1/models/ants", ((tmp_path / "one.png", RECORDED),))


def test_equal_scores_pass(gateway: FakeGateway, reference: ReferenceScores) -> None:
    gateway.scores = {"ant": 0.66, "bee": 0.34}
    assert check_references(gateway.url, [reference], KEY) == []
    assert gateway.requests == [("/v1/models/ants/predict?top_k=2", b"an image")]


def test_other_scores_are_named(gateway: FakeGateway, reference: ReferenceScores) -> None:
    gateway.scores = {"ant": 0.3, "bee": 0.7}
    (mistake,) = check_references(gateway.url, [reference], KEY)
    assert mistake.startswith("/v1/models/ants: the scores for one.png differ from the recorded ones by 0.400")


def test_a_calibrated_model_is_compared_at_its_temperature(gateway: FakeGateway, reference: ReferenceScores) -> None:
    gateway.receipt = RECEIPT | {"evaluation": {"calibrated": True, "temperature": 0.5}}
    assert len(check_references(gateway.url, [reference], KEY)) == 1
    gateway.scores = calibrated(RECORDED, gateway.receipt)
    assert gateway.scores == pytest.approx({"ant": 0.49 / 0.58, "bee": 0.09 / 0.58})
    assert check_references(gateway.url, [reference], KEY) == []


def test_what_cannot_be_compared_is_told(gateway: FakeGateway, reference: ReferenceScores, tmp_path: Path) -> None:
    (refused,) = check_references(gateway.url, [reference], "another key")
    assert "could not be compared" in refused
    gateway.scores = {"ant": 0.7}
    (other_labels,) = check_references(gateway.url, [reference], KEY)
    assert "not that of a model" in other_labels
    gateway.receipt = {}
    (older,) = check_references(gateway.url, [reference], KEY)
    assert "exported without its reference" in older
