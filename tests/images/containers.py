"""Images started with a read-only root, as the image's own user or any other, and without any network."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from benchmarks.harness.process import wait_for
from deploy.cloudbuild.engines import Engine

# As OpenShift starts containers: a user that the image does not know, in the group of root.
ANY_USER = "1000650000:0"
JAIL = Path(__file__).with_name("jail.sh")
# Asks from within the container's network, as nothing else reaches it; prints the answer and when it came.
ASK = """
import base64, json, sys, time, urllib.error, urllib.request
asked = json.load(sys.stdin)
body = None if asked["body"] is None else base64.b64decode(asked["body"])
request = urllib.request.Request(asked["url"], body, {"Content-Type": asked["content_type"]})
until = time.time() + asked["patience"]
while True:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(json.dumps({"status": answer.status, "text": answer.read().decode(), "at": time.time()}))
            break
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError) and error.code < 500:
            print(json.dumps({"status": error.code, "text": error.read().decode(), "at": time.time()}))
            break
        if time.time() > until:
            sys.exit(f"no answer: {error}")
        time.sleep(0.005)
"""


@dataclass(frozen=True)
class ContainerResponse:
    """What a request from inside brought, and after how many seconds since the container was started."""

    status: int
    text: str
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Running:
    """A container at work.

    `inside` is the command line that runs another Python in its network, `stop` sends a signal to its first process.
    """

    inside: tuple[str, ...]
    started: float
    process: subprocess.Popen[str]
    stop: Callable[[signal.Signals], object]

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        port: int = 8000,
        patience: float = 30,
        content_type: str = "image/jpeg",
    ) -> ContainerResponse:
        """The answer to a GET, or to a POST of `body`, as soon as there is one."""
        question = {
            "url": f"http://127.0.0.1:{port}{path}",
            "body": None if body is None else base64.b64encode(body).decode(),
            "patience": patience,
            "content_type": content_type,
        }
        run = subprocess.run(
            [*self.inside, "-c", ASK], input=json.dumps(question), capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr + self.stopped()
        found = json.loads(run.stdout)
        return ContainerResponse(found["status"], found["text"], found["at"] - self.started)

    def stopped(self) -> str:
        """Tell it to stop, as Cloud Run does, and what it has said; a failure where it does not within 10 s."""
        self.stop(signal.SIGTERM)
        try:
            return self.process.communicate(timeout=10)[0]
        except subprocess.TimeoutExpired:
            self.stop(signal.SIGKILL)
            pytest.fail(f"it did not stop within 10 s of SIGTERM: {self.process.communicate()[0]}")


class Containers(Protocol):
    """Starts images of one engine.

    `mounts` maps files of this machine to their places in the container; `user` is UID:GID, by default the image's own.
    """

    def start(
        self,
        image: str,
        environment: Mapping[str, str],
        mounts: Mapping[Path, str],
        command: Sequence[str] = (),
        user: str = "",
    ) -> contextlib.AbstractContextManager[Running]: ...


def containers(engine: Engine) -> Containers:
    return DockerContainers() if engine.name == "Docker" else Jails()


class DockerContainers:
    """Docker does it all by itself."""

    @contextlib.contextmanager
    def start(
        self,
        image: str,
        environment: Mapping[str, str],
        mounts: Mapping[Path, str],
        command: Sequence[str] = (),
        user: str = "",
    ) -> Iterator[Running]:
        name = f"guichet-test-{time.time_ns()}"
        words = ["docker", "run", "--rm", f"--name={name}", "--read-only", "--network=none"]
        words += [f"--user={user}"] if user else []
        words += [f"--env={key}={value}" for key, value in environment.items()]
        words += [f"--volume={file}:{place}:ro" for file, place in mounts.items()]
        process = subprocess.Popen(
            [*words, image, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            there = ["docker", "exec", name, "python", "-c", ""]
            wait_for(lambda: process.poll() is not None or _succeeds(there), 30, f"{image} to be started")
            running = Running(
                ("docker", "exec", "-i", name, "python"),
                _docker_started(name),
                process,
                lambda number: _succeeds(["docker", "kill", f"--signal={number.name}", name]),
            )
            yield running
            running.stopped()
        finally:
            _succeeds(["docker", "kill", name])
            process.communicate()


class Jails:
    """buildah unpacks the image; namespaces, a read-only mount and chroot do the rest."""

    @staticmethod
    def missing() -> str:
        """Which tool this machine lacks, or nothing."""
        tools = ("ip", "unshare", "nsenter", "chroot", "mount")
        return ", ".join(tool for tool in tools if not shutil.which(tool))

    @contextlib.contextmanager
    def start(
        self,
        image: str,
        environment: Mapping[str, str],
        mounts: Mapping[Path, str],
        command: Sequence[str] = (),
        user: str = "",
    ) -> Iterator[Running]:
        config = json.loads(_output(["buildah", "inspect", "--type=image", image]))["OCIv1"]["config"]
        variables = dict(pair.split("=", 1) for pair in config["Env"]) | dict(environment)
        container = _output(["buildah", "from", "--pull-never", image])
        try:
            root = _output(["buildah", "mount", container])
            words = ["unshare", "--mount", "--net", "--pid", "--fork", "sh", str(JAIL), root]
            words += [user or config["User"], *(f"{file}:{place}" for file, place in mounts.items()), "--"]
            words += ["/usr/bin/env", "-i", *(f"{key}={value}" for key, value in variables.items())]
            words += command or config["Cmd"]
            started = time.time()
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            own = Path("/proc/self/ns/net").readlink()
            wait_for(lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != own, 10, "a network of its own")
            inside = ("nsenter", f"--net=/proc/{process.pid}/ns/net", sys.executable)
            running = Running(inside, started, process, lambda number: _signal_child(process.pid, number))
            try:
                yield running
            finally:
                running.stopped()
        finally:
            _output(["buildah", "rm", container])


def _docker_started(name: str) -> float:
    """When Docker executed the container's command; now, where it has ended already."""
    command = ["docker", "inspect", "--format={{.State.StartedAt}}", name]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return datetime.fromisoformat(text[:26] + "+00:00").timestamp() if text else time.time()


def _signal_child(pid: int, number: signal.Signals) -> None:
    """Send a signal to the one child of `pid`, if it is still there."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), number)


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
