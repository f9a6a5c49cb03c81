"""Carries out a Cloud Build file here: the very same steps, in order, then the push of what `images` names."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.cloudbuild.check import read_build
from deploy.cloudbuild.engines import Engine, EngineError
from deploy.cloudbuild.schema import Build, Step, seconds
from deploy.cloudbuild.substitutions import filled
from deploy.errors import DeployError

# The builder whose steps are calls of `docker`; the runner plays no other.
BUILDER = "gcr.io/cloud-builders/docker"
DEFAULT_SECONDS = 60 * 60
Tell = Callable[[str, str], None]


class BuildFailed(DeployError):
    """A step, or the push of an image, ended with an error."""


@dataclass(frozen=True)
class Runner:
    """Runs files from the root of the source; `tell` hears each line with the id of its step."""

    engine: Engine
    root: Path
    tell: Tell
    push: bool = True
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self, file: str, substitutions: Mapping[str, str], build_id: str = "") -> str:
        """Carry out `file` and return the build's id; BuildFileError before anything runs, or BuildFailed."""
        path = Path(file) if Path(file).is_absolute() else self.root / file
        build = read_build(path, substitutions)
        build_id = build_id or str(uuid.uuid4())
        values = {**build.substitutions, "BUILD_ID": build_id, "LOCATION": "local", "PROJECT_ID": "local"}
        self._require_playable(build, values)
        ends = time.monotonic() + (seconds(build.timeout) or DEFAULT_SECONDS)
        for number, step in enumerate(build.steps):
            self._step(step.id or f"step {number}", step, values, build, ends)
        for image in build.images if self.push else ():
            name = filled(image, values)
            if code := self._run("push", self.engine.command(["push", name]), self.root, {}, ends):
                raise BuildFailed(f"{file}: {name} could not be pushed: {self.engine.name} ended with {code}.")
        return build_id

    def _require_playable(self, build: Build, values: Mapping[str, str]) -> None:
        """Raises EngineError for the first step that only Google's machines can carry out."""
        for number, step in enumerate(build.steps):
            builder = filled(step.name, values).partition(":")[0]
            if builder != BUILDER or step.entrypoint not in ("", "docker") or step.script:
                raise EngineError(
                    f"steps[{number}] ({step.id}) is no plain call of docker in {BUILDER}, and so it cannot run here."
                )
            self.engine.command([filled(word, values) for word in step.args])

    def _step(self, name: str, step: Step, values: Mapping[str, str], build: Build, ends: float) -> None:
        words = [filled(word, values) for word in step.args]
        pairs = [filled(pair, values).partition("=") for pair in (*build.options.env, *step.env)]
        ends = min(ends, time.monotonic() + (seconds(step.timeout) or DEFAULT_SECONDS * 24))
        self.tell(name, f"docker {' '.join(words)}")
        code = self._run(
            name, self.engine.command(words), self.root / step.dir, {key: value for key, _, value in pairs}, ends
        )
        if code == 0:
            return
        if step.allow_failure or code in step.allow_exit_codes:
            self.tell(name, f"ended with {code}, which the step allows")
            return
        raise BuildFailed(f"The step {name!r} failed: {self.engine.name} ended with {code}, see the lines above.")

    def _run(self, name: str, command: tuple[str, ...], folder: Path, variables: Mapping[str, str], ends: float) -> int:
        """The exit code; BuildFailed where it takes longer than it may."""
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
                # After Ctrl-C, say: the program must not go on alone.
                process.terminate()
                raise
            finally:
                clock.cancel()
        if late.is_set():
            raise BuildFailed(f"The step {name!r} took longer than the file's timeout allows.")
        return process.returncode
