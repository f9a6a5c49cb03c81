"""Refusals that cost next to nothing: the server's loop gives them itself, before a request has a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from services.web.envelope import Envelope
from services.web.exchange import FAULT, Application, Environ
from services.web.problems import Problem, problem_document


@dataclass(frozen=True)
class Door:
    """Stands before `method` and `path`; `refused` says at once, and without waiting, why nobody may come in now."""

    method: str
    path: str
    refused: Callable[[], Problem | None]
    origins: str

    def answer(self, environ: Environ) -> Application | None:
        """What answers the request in the application's place; None where it may come in."""
        if environ["PATH_INFO"] != self.path or environ["REQUEST_METHOD"] != self.method or environ[FAULT]:
            return None
        problem = self.refused()
        return None if problem is None else self._refusal(problem)

    def _refusal(self, problem: Problem) -> Application:
        def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
            envelope = Envelope.opened(environ, self.origins)
            body = problem_document(problem, envelope.request_id)
            headers = envelope.headers | {
                "Content-Type": "application/problem+json",
                "Content-Length": str(len(body)),
                "Cache-Control": "no-store",
            }
            if problem.retry_after is not None:
                headers["Retry-After"] = str(problem.retry_after)
            envelope.record(self.path, problem.status, problem.code)
            start_response(f"{problem.status:d} {problem.status.phrase}", list(headers.items()))
            return [body]

        return application
