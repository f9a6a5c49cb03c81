"""A Hugging Face Hub on loopback: models with one commit each, from folders."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

REVISION = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_of_this_test"  # noqa: S105


@dataclass
class StubHub:
    """The folders by ORGANISATION/NAME; `gated` ones need TOKEN. `requests` are the paths that were asked for."""

    models: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def stub_hub() -> Iterator[StubHub]:
    """Serves models until the block ends."""
    hub = StubHub()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            hub.requests.append(self.path)
            path = self.path.partition("?")[0].strip("/")
            api = path.startswith("api/models/")
            parts = path.removeprefix("api/models/").split("/")
            name, rest = "/".join(parts[:2]), parts[2:]
            if name not in hub.models:
                self.fail("RepoNotFound", 401)
            elif name in hub.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.fail("GatedRepo", 403)
            elif len(rest) > 1 and rest[1] not in (REVISION, "main"):
                self.fail("RevisionNotFound", 404)
            elif rest[:1] == ["tree"]:
                paths = sorted(hub.models[name].iterdir())
                files = [{"type": "file", "path": p.name, "size": p.stat().st_size, "oid": REVISION} for p in paths]
                self.send(json.dumps(files).encode(), {})
            elif api:
                self.model(name)
            else:
                self.file(hub.models[name].joinpath(*rest[2:]))

        def model(self, name: str) -> None:
            files = [{"rfilename": path.name} for path in sorted(hub.models[name].iterdir())]
            card = {"license": "apache-2.0"} if (hub.models[name] / "README.md").is_file() else {}
            self.send(json.dumps({"id": name, "sha": REVISION, "siblings": files, "cardData": card}).encode(), {})

        def file(self, path: Path) -> None:
            if not path.is_file():
                return self.fail("EntryNotFound", 404)
            content = path.read_bytes()
            return self.send(content, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'})

        def send(self, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(200)
            for key, value in {**headers, "X-Repo-Commit": REVISION, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def fail(self, code: str, status: int) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
