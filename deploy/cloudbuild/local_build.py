"""Runs a Cloud Build file on this machine: its steps in order, then the push of its images."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.cloudbuild.build_file import read_build, substituted
from deploy.cloudbuild.engines import Engine, EngineError
from deploy.errors import DeployError

# Its steps are calls of `docker`. Other builders cannot run here.
BUILDER = "gcr.io/cloud-builders/docker"
DEFAULT_SECONDS = 60 * 60
STEP_SECONDS = 24 * 60 * 60
Tell = Callable[[str, str], None]


class BuildFailed(DeployError):
    """A step or the push of an image failed."""


@dataclass(frozen=True)
class LocalBuild:
    """Runs files in the root of the source; passes each line of output to `tell` with the id of its step."""

    engine: Engine
    root: Path
    tell: Tell
    push: bool = True
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self, file: str, substitutions: Mapping[str, str], build_id: str = "") -> str:
        """Runs `file` and returns the build's id; raises BuildFileError before anything runs, or BuildFailed."""
        path = Path(file) if Path(file).is_absolute() else self.root / file
        build = read_build(path, substitutions)
        build_id = build_id or str(uuid.uuid4())
        values = {**dict(build.substitutions), "BUILD_ID": build_id, "LOCATION": "local", "PROJECT_ID": "local"}
        self._require_docker_steps(build, values)
        ends = time.monotonic() + (build.timeout.ToTimedelta().total_seconds() or DEFAULT_SECONDS)
        for number, step in enumerate(build.steps):
            self._step(step.id or f"step {number}", step, values, build, ends)
        for image in build.images if self.push else ():
            name = substituted(image, values)
            if code := self._run("push", self.engine.command(["push", name]), self.root, {}, ends):
                raise BuildFailed(f"{file}: {name} could not be pushed: {self.engine.name} exited with {code}.")
        return build_id

    def _require_docker_steps(self, build: Any, values: Mapping[str, str]) -> None:
        """Raises EngineError for the first step that is not a plain call of `docker`."""
        for number, step in enumerate(build.steps):
            builder = substituted(step.name, values).partition(":")[0]
            if builder != BUILDER or step.entrypoint not in ("", "docker") or step.script:
                raise EngineError(
                    f"steps[{number}] ({step.id}) is not a plain call of docker in {BUILDER}, so it cannot run here."
                )
            self.engine.command([substituted(word, values) for word in step.args])

    def _step(self, name: str, step: Any, values: Mapping[str, str], build: Any, ends: float) -> None:
        words = [substituted(word, values) for word in step.args]
        pairs = [substituted(pair, values).partition("=") for pair in (*build.options.env, *step.env)]
        ends = min(ends, time.monotonic() + (step.timeout.ToTimedelta().total_seconds() or STEP_SECONDS))
        self.tell(name, f"docker {' '.join(words)}")
        code = self._run(
            name, self.engine.command(words), self.root / step.dir_, {key: value for key, _, value in pairs}, ends
        )
        if code == 0:
            return
        if step.allow_failure or code in step.allow_exit_codes:
            self.tell(name, f"exited with {code}, which the step allows")
            return
        raise BuildFailed(f"The step {name!r} failed: {self.engine.name} exited with {code}, see the output above.")

    def _run(self, name: str, command: tuple[str, ...], folder: Path, variables: Mapping[str, str], ends: float) -> int:
        """The exit code; raises BuildFailed on timeout."""
        late = threading.Event()
        with subprocess.Popen(
            command,
            cwd=folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:

            def stop() -> None:
                late.set()
                process.terminate()

            clock = threading.Timer(max(0.0, ends - time.monotonic()), stop)
            clock.start()
            try:
                for line in process.stdout or ():
                    self.tell(name, line.rstrip())
                process.wait()
            except BaseException:
                # Do not leave it running, for example after Ctrl-C.
                process.terminate()
                raise
            finally:
                clock.cancel()
        if late.is_set():
            raise BuildFailed(f"The step {name!r} exceeded its timeout.")
        return process.returncode
