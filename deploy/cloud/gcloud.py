"""Runs gcloud, with retries. Only this module starts processes in Google Cloud deployments."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    wait_exponential_jitter,
)

from deploy.cloud.gcloud_errors import ATTEMPTS, GcloudError, explain, parse_error
from deploy.errors import CommandFailed, DeployError

# Creating a gateway takes minutes; a command that takes longer than this hangs.
COMMAND_TIMEOUT_SECONDS = 30 * 60


@dataclass(frozen=True)
class Output:
    """Exit code and output of a process."""

    code: int
    stdout: str
    stderr: str


class Run(Protocol):
    """Runs one command to its end; injected, so that tests need no process."""

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> Output: ...


class GcloudFailed(CommandFailed):
    """gcloud failed; `error` says how, for callers that can handle it."""

    def __init__(self, argv: tuple[str, ...], error: GcloudError, project: str) -> None:
        super().__init__(explain(argv, error, project))
        self.error = error


def run_in(folder: Path, environment: Mapping[str, str]) -> Run:
    """A Run that starts commands as processes in `folder`, with gcloud's prompts off."""
    environment = {**environment, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_SHOW_STRUCTURED_LOGS": "never"}

    def run(argv: tuple[str, ...], stdin: str | None = None) -> Output:
        program = shutil.which(argv[0], path=environment.get("PATH"))
        if program is None:
            raise DeployError(f"{argv[0]} is not installed: see https://cloud.google.com/sdk/docs/install.")
        try:
            done = subprocess.run(
                [program, *argv[1:]],
                input=stdin or "",
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=folder,
                env=environment,
                timeout=COMMAND_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Output(124, "", f"ERROR: (gcloud) it did not end within {COMMAND_TIMEOUT_SECONDS // 60} minutes.")
        return Output(done.returncode, done.stdout, done.stderr)

    return run


class Gcloud:
    """gcloud for one project. Transient errors are retried with growing pauses; `tell` is called before each retry."""

    def __init__(
        self,
        run: Run,
        project: str,
        *,
        stop: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._run = run
        self._project = project
        self._stop = stop or threading.Event()
        self.sleep = sleep or self._stop.wait
        self._tell = tell

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> str:
        """The command's output; raises GcloudFailed if retrying did not help."""
        retrying = Retrying(
            retry=retry_if_exception(lambda err: isinstance(err, GcloudFailed) and err.error.kind in ATTEMPTS),
            stop=lambda state: self._stop.is_set() or state.attempt_number >= ATTEMPTS[_error(state).kind],
            wait=wait_exponential_jitter(initial=1, max=20, jitter=1),
            sleep=self._sleep,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        return retrying(self._once, argv, stdin)

    def json(self, argv: tuple[str, ...]) -> Any:
        """The command's output with `--format=json`, parsed; raises CommandFailed."""
        text = self((*argv, "--format=json"))
        try:
            return json.loads(text or "null")
        except ValueError as err:
            raise CommandFailed(f"The output of `{' '.join(argv)}` is not JSON: {text[:200]!r}.") from err

    def _once(self, argv: tuple[str, ...], stdin: str | None) -> str:
        done = self._run(argv, stdin)
        if done.code:
            raise GcloudFailed(argv, parse_error(done.stderr), self._project)
        return done.stdout

    def _sleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def _before_sleep(self, state: RetryCallState) -> None:
        wait = state.next_action.sleep if state.next_action else 0
        self._tell(f"{_error(state).message} Retrying in {wait:.0f} s.")


def _error(state: RetryCallState) -> GcloudError:
    """The error of the attempt that just failed; tenacity asks only after one that is retried."""
    err = state.outcome.exception() if state.outcome else None
    assert isinstance(err, GcloudFailed)  # noqa: S101  # the only exception that is retried
    return err.error
