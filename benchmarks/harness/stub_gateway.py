"""A fake gateway for the page's tests: real HTTP, the API's routes, deterministic predictions, faults on demand.

It counts requests, so that a test can assert that nothing was sent twice. `test_stub_gateway.py` checks its responses
against the API's document. Run it by hand with `python -m benchmarks.harness.stub_gateway [PORT]`.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LABELS = (
    "tabby", "tiger cat", "Egyptian cat", "lynx", "espresso", "cup", "coffee mug", "eggnog", "missile", "projectile",
    "space shuttle", "radio telescope", "tench", "goldfish", "koala", "black swan", "flatworm", "robin", "jay", "kite",
)  # fmt: skip
VERSION = "0123456789ab"
Response = tuple[int, dict[str, str], bytes]
TITLES = {
    "efficientnet-lite0": "EfficientNet-Lite0",
    "efficientnet-lite1": "EfficientNet-Lite1",
    "efficientnet-lite2": "EfficientNet-Lite2",
}


@dataclass
class Behaviour:
    """How one model responds; may be changed while the server runs."""

    delay: float = 0.0
    # Every request waits until this is set: the service is starting.
    awake: threading.Event | None = None
    # The response to every request.
    broken: Response | None = None
    # The responses to the first `predict` requests.
    first: list[Response] = field(default_factory=list)
    # `predict` requests wait until this is set.
    gate: threading.Event | None = None
    # Fields to replace or add in the model's entry in the directory and in its card, such as {"scores": "sigmoid"}.
    listed: dict[str, Any] = field(default_factory=dict)


class StubGateway(ThreadingHTTPServer):
    """The server. `predicts` counts the `predict` requests by model and SHA-256 of the body."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int = 0, titles: dict[str, str] = TITLES) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.titles = titles
        self.key = "test-key"
        self.lock = threading.Lock()
        # The connections that are open, and those of them whose request was counted and waits for a response.
        self.open: set[object] = set()
        self.held: set[object] = set()
        self.reset()

    def reset(self) -> None:
        """Every model ready and fast, and all counts zero."""
        self.models = {name: Behaviour() for name in self.titles}
        self.directory: Response | None = None
        self.predicts: Counter[tuple[str, str]] = Counter()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        # When each model last responded, in milliseconds since 1970.
        self.answered: dict[str, float] = {}

    def has_read_everything(self) -> bool:
        """Whether every request of clients that have ended was counted: a thread may read it later than it was sent."""
        with socket.create_connection(("127.0.0.1", self.server_port), timeout=5) as last:
            # Connections are accepted in order.
            last.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while last.recv(1024):
                pass
        with self.lock:
            return self.open <= self.held

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def predictions(self, name: str, image: bytes, top_k: int) -> list[dict[str, Any]]:
        """Depend on the model and the image only: the best of twenty labels, whose scores add up to 1."""
        seed = hashlib.sha256(image).digest()
        shift = 0 if image and seed[0] % 2 else sorted(self.models).index(name)
        weights = [2.0 ** -(rank + seed[1] / 256) for rank in range(len(LABELS))]
        total = sum(weights)
        order = [LABELS[(seed[2] + shift + rank * 7) % len(LABELS)] for rank in range(len(LABELS))]
        return [
            {"label": label, "score": weight / total}
            for label, weight in list(zip(order, weights, strict=True))[:top_k]
        ]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.open.add(request)
        super().process_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: StubGateway
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        try:
            with suppress(ConnectionError, TimeoutError):  # the client disconnected
                super().handle()
        finally:
            with self.server.lock:
                self.server.open.discard(self.connection)
                self.server.held.discard(self.connection)

    def do_GET(self) -> None:
        self._respond(b"")

    def do_POST(self) -> None:
        self._respond(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _respond(self, body: bytes) -> None:
        server, url = self.server, urlsplit(self.path)
        with server.lock:
            server.requests.append((self.command, self.path, dict(self.headers)))
        if self.headers.get("x-api-key") != server.key:
            return self._json(401, {"code": 401, "message": "UNAUTHENTICATED: the API key is missing or unknown."})
        if url.path == "/v1/models":
            if server.directory:
                return self._send(*server.directory)
            return self._json(
                200, {"models": [self._entry(name) | server.models[name].listed for name in server.models]}
            )
        parts = url.path.strip("/").split("/")
        if parts[:2] != ["v1", "models"] or len(parts) > 4 or len(parts) < 3 or parts[2] not in server.models:
            return self._json(404, {"code": 404, "message": "The current request is not defined by this API."})
        name, what = parts[2], parts[3] if len(parts) == 4 else "card"
        behaviour = server.models[name]
        if what == "predict":
            with server.lock:
                server.predicts[name, hashlib.sha256(body).hexdigest()] += 1
                server.bodies.append(body)
        if behaviour.broken:
            return self._send(*behaviour.broken)
        if behaviour.awake and not behaviour.awake.wait(60):
            return self._json(504, {"code": 504, "message": "upstream request timeout"})
        if what == "ready":
            return self._json(200, {"status": "ready", "model": name, "version": VERSION})
        if what == "card":
            return self._json(200, self._card(name) | behaviour.listed)
        if what == "predict" and self.command == "POST":
            return self._predict(name, body, parse_qs(url.query))
        return self._json(405, {"code": 405, "message": "The method is not allowed here."})

    def _predict(self, name: str, body: bytes, query: dict[str, list[str]]) -> None:
        server, behaviour = self.server, self.server.models[name]
        with server.lock:
            if behaviour.first:
                return self._send(*behaviour.first.pop(0))
        if behaviour.gate and not self._wait(behaviour.gate):
            return self._json(504, {"code": 504, "message": "upstream request timeout"})
        started = time.perf_counter()
        time.sleep(behaviour.delay)
        infer = (time.perf_counter() - started) * 1000
        image = body
        if body[:1] == b"{":
            document = json.loads(body)
            image = str(document.get("url") or document.get("inputs")).encode()
        predictions = server.predictions(name, image, int(query.get("top_k", ["5"])[0]))
        timing = f"decode;dur=1.2, queue;dur=0.3, infer;dur={infer:.1f}"
        with server.lock:
            server.answered[name] = time.time() * 1000
        return self._json(200, predictions, {"Server-Timing": timing, "X-Model": name, "X-Model-Version": VERSION})

    def _wait(self, gate: threading.Event) -> bool:
        with self.server.lock:
            self.server.held.add(self.connection)
        opened = gate.wait(60)
        with self.server.lock:
            self.server.held.discard(self.connection)
        return opened

    def _entry(self, name: str) -> dict[str, Any]:
        route = f"/v1/models/{name}"
        return {
            "name": name,
            "title": self.server.titles[name],
            "input": {"width": 224, "height": 224},
            "labels": len(LABELS),
            "scores": "softmax",
            "precision": "fp16",
            "deadline": 60,
            "card": route,
            "ready": f"{route}/ready",
            "predict": f"{route}/predict",
        }

    def _card(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "title": self.server.titles[name],
            "architecture": name,
            "input": {"width": 224, "height": 224, "formats": ["image/jpeg"], "max_bytes": 10_485_760},
            "labels": len(LABELS),
            "scores": "softmax",
            "precision": "fp16",
            "description": "",
            "license": "",
            "source": "",
            "intended_use": "",
            "sure_from": 0.4,
            "version": VERSION,
            "receipt": {
                "agreement": {"top1": 1.0},
                "weights": {"sha256": "0" * 64},
                "versions": {"openvino": "2026.4.1"},
            },
        }

    def _json(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(document).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        request_id = self.headers.get("X-Request-Id")
        if request_id and "X-Request-Id" not in headers:
            self.send_header("X-Request-Id", request_id)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def problem(status: int, code: str, detail: str) -> dict[str, Any]:
    """A service's error body."""
    return {
        "type": f"urn:guichet:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": "from-the-service",
        "error": detail,
    }


def response(status: int, document: object, **headers: str) -> Response:
    """A JSON response to return instead; header names are written with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(document).encode()


@contextmanager
def stub_gateway(port: int = 0, titles: dict[str, str] = TITLES) -> Iterator[StubGateway]:
    """A running fake gateway."""
    server = StubGateway(port, titles)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


if __name__ == "__main__":
    with stub_gateway(int(sys.argv[1]) if len(sys.argv) > 1 else 8090) as running:
        for index, behaviour in enumerate(running.models.values()):
            behaviour.delay = 0.05 * (index + 1)
        print(running.address, running.key, flush=True)
        threading.Event().wait()
