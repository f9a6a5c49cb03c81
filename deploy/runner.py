"""The only place where processes are started: gcloud, with retries, and its failures turned into sentences."""

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
    retry_if_exception_type,
    stop_any,
    stop_when_event_set,
    wait_exponential_jitter,
)
from tenacity.stop import stop_base

from deploy.errors import CommandFailed, DeployError
from deploy.failures import ATTEMPTS, Failure, failure, sentence

# A gateway takes minutes; what takes longer than this has hung.
LONGEST_SECONDS = 30 * 60


@dataclass(frozen=True)
class Output:
    """What a process left behind."""

    code: int
    stdout: str
    stderr: str


class Run(Protocol):
    """Runs one command to its end; injected, so that tests need no process."""

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> Output: ...


class Refused(Exception):
    """A command failed in a way that its caller may know how to take."""

    def __init__(self, argv: tuple[str, ...], found: Failure) -> None:
        super().__init__(found.message)
        self.argv = argv
        self.found = found


class _Again(Exception):
    """A failure that trying again may cure."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


def process(folder: Path, environment: Mapping[str, str]) -> Run:
    """Commands as processes in `folder`, asking nothing."""
    environment = {**environment, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_SHOW_STRUCTURED_LOGS": "never"}

    def run(argv: tuple[str, ...], stdin: str | None = None) -> Output:
        program = shutil.which(argv[0], path=environment.get("PATH"))
        if program is None:
            raise DeployError(f"{argv[0]} is not there: install it from https://cloud.google.com/sdk/docs/install.")
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
                timeout=LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Output(124, "", f"ERROR: (gcloud) it did not end within {LONGEST_SECONDS // 60} minutes.")
        return Output(done.returncode, done.stdout, done.stderr)

    return run


class _TriedEnough(stop_base):
    """As often as it makes sense for the failure at hand."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        err = retry_state.outcome.exception() if retry_state.outcome else None
        return not isinstance(err, _Again) or retry_state.attempt_number >= ATTEMPTS[err.refused.found.blame]


class Gcloud:
    """gcloud for one project. What may pass is tried again, longer and longer apart; `tell` hears of it."""

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
        self.project = project
        self._stop = stop or threading.Event()
        self.sleep = sleep or self._stop.wait
        self._tell = tell

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> str:
        """What the command prints; Refused where trying again did not help."""
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_any(_TriedEnough(), stop_when_event_set(self._stop)),
            wait=wait_exponential_jitter(initial=1, max=20, jitter=1),
            sleep=self._pause,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, argv, stdin)
        except _Again as err:
            raise err.refused from None

    def must(self, argv: tuple[str, ...], stdin: str | None = None) -> str:
        """What the command prints; CommandFailed with a sentence for a person otherwise."""
        try:
            return self(argv, stdin)
        except Refused as err:
            raise CommandFailed(sentence(err.argv, err.found, self.project)) from err

    def json(self, argv: tuple[str, ...]) -> Any:
        """What the command prints with `--format=json`; CommandFailed with a sentence for a person otherwise."""
        text = self.must((*argv, "--format=json"))
        try:
            return json.loads(text or "null")
        except ValueError as err:
            raise CommandFailed(f"`{' '.join(argv)}` printed what is not JSON: {text[:200]!r}.") from err

    def _once(self, argv: tuple[str, ...], stdin: str | None) -> str:
        done = self._run(argv, stdin)
        if done.code == 0:
            return done.stdout
        refused = Refused(argv, failure(done.stderr))
        if refused.found.blame in ATTEMPTS:
            raise _Again(refused)
        raise refused

    def _pause(self, seconds: float) -> None:
        self.sleep(seconds)

    def _before_sleep(self, state: RetryCallState) -> None:
        err = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0
        self._tell(f"{err} Trying again in {wait:.0f} s.")
