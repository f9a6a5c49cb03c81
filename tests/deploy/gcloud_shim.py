"""The fake gcloud as a program on PATH: a small client, so that a command starts a process but imports nothing."""

from __future__ import annotations

import json
import os
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.deploy.fake_gcloud import FakeGcloud
from tests.deploy.fake_google_cloud.state import Cloud

CLIENT = """\
#!{python} -ISs
import json, os, socket, sys
stdin = sys.stdin.read() if "--data-file=-" in sys.argv else ""
with socket.create_connection(("127.0.0.1", {port})) as link:
    link.sendall(json.dumps([["gcloud", *sys.argv[1:]], stdin, os.getcwd()]).encode() + b"\\n")
    done = json.loads(link.makefile().readline())
sys.stdout.write(done["stdout"])
sys.stderr.write(done["stderr"])
sys.exit(done["code"])
"""


class Server(socketserver.ThreadingTCPServer):
    """Runs one command per connection."""

    daemon_threads = True
    address: str


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        argv, stdin, folder = json.loads(self.rfile.readline())
        assert isinstance(self.server, Server)
        done = FakeGcloud(self.server.address, Path(folder))(tuple(argv), stdin)
        self.wfile.write(json.dumps(asdict(done)).encode() + b"\n")


@contextmanager
def gcloud_on_path(cloud: Cloud, folder: Path) -> Iterator[dict[str, Any]]:
    """An environment variable PATH on which gcloud is the fake."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.address = cloud.address
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        program = folder / "gcloud"
        program.write_text(CLIENT.format(python=sys.executable, port=server.server_address[1]), encoding="utf-8")
        program.chmod(0o755)
        try:
            yield {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        finally:
            server.shutdown()
            thread.join()
