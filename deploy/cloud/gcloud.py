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

from deploy.errors import CommandFailed, DeployError
from deploy.failures import Failure, explain, failure

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

    def __init__(self, argv: tuple[str, ...], error: Failure, project: str) -> None:
        super().__init__(explain(argv, error, project))
        self.error = error


def run_in(folder: Path, environment: Mapping[str, str]) -> Run:
    """A Run that starts commands as processes in `folder`, with gcloud's prompts off."""
    environment = {**environment, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_SHOW_STRUCTURED_LOGS": "never"}

    def run(argv: tuple[str, ...], stdin: str | None = None) -> Output:
        program = shutil.which(argv[0], path=environment.get("PATH"))
        if program is None:
            install = "https://cloud.google.com/sdk/docs/install"
            raise DeployError(f"{argv[0]} is not installed: see {install}. `make plan OFFLINE=1` works without it.")
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
    """gcloud for one project. Failures are retried as their row of the table says; `tell` is called before each retry.

    Unless `patient`, changes that are not visible yet are not waited for.
    """

    def __init__(
        self,
        run: Run,
        project: str,
        *,
        stop: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        tell: Callable[[str], None] = lambda _: None,
        patient: bool = True,
    ) -> None:
        self._run = run
        self._project = project
        self._stop = stop or threading.Event()
        self.sleep = sleep or self._stop.wait
        self._tell = tell
        self._patient = patient
        self._made: set[str] = set()  # the kinds of failure that changes of this run explain

    def impatient(self) -> Gcloud:
        """The same gcloud for checks, which report what is not visible yet."""
        return Gcloud(self._run, self._project, stop=self._stop, sleep=self.sleep, tell=self._tell, patient=False)

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> str:
        """The command's output; raises GcloudFailed if retrying did not help."""
        retrying = Retrying(
            retry=retry_if_exception(lambda err: isinstance(err, GcloudFailed)),
            stop=lambda state: self._stop.is_set() or not self._worth_another(state),
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

    def _worth_another(self, state: RetryCallState) -> bool:
        error = _error(state)
        waited = state.idle_for < error.seconds and self._patient
        # A manifest must change before Cloud Run tries again, so whoever applies it retries.
        return state.attempt_number < error.attempts or (waited and not is_replacement(state.args[0]))

    def _once(self, argv: tuple[str, ...], stdin: str | None) -> str:
        done = self._run(argv, stdin)
        if done.code:
            error = failure(done.stderr)
            raise GcloudFailed(argv, error.not_yet() if error.kind in self._made else error, self._project)
        if argv[1:3] == ("services", "enable"):
            self._made.add("disabled")
        if argv[1:4] == ("iam", "service-accounts", "create"):
            self._made.add("act as")
        return done.stdout

    def _sleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def _before_sleep(self, state: RetryCallState) -> None:
        wait = state.next_action.sleep if state.next_action else 0
        limit = f" for {_error(state).seconds / 60:.0f} minutes at most" if _error(state).seconds else ""
        self._tell(f"{_error(state).message} Retrying in {wait:.0f} s{limit}.")


def is_replacement(argv: tuple[str, ...]) -> bool:
    """Whether the command applies the manifest of a service."""
    return argv[1:4] == ("run", "services", "replace")


def _error(state: RetryCallState) -> Failure:
    """The error of the attempt that just failed; tenacity asks only after one that is retried."""
    err = state.outcome.exception() if state.outcome else None
    assert isinstance(err, GcloudFailed)  # noqa: S101  # the only exception that is retried
    return err.error
