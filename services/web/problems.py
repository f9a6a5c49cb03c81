"""What an answer that is not 200 says: the base of every error that a caller is told."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import ClassVar

from services.web.logs import place_of

log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer that is not 200. `detail` is our own sentence for strangers, never another exception's text."""

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]
    retry_after: ClassVar[int | None] = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InternalError(Problem):
    status, code = HTTPStatus.INTERNAL_SERVER_ERROR, "internal"


class OutOfMemory(Problem):
    status, code, retry_after = HTTPStatus.SERVICE_UNAVAILABLE, "out_of_memory", 1


def problem_document(problem: Problem, request_id: str) -> bytes:
    """The body that tells a caller about `problem`."""
    return json.dumps(
        {
            "type": f"urn:guichet:problem:{problem.code}",
            "title": problem.status.phrase,
            "status": int(problem.status),
            "detail": problem.detail,
            "instance": f"urn:guichet:request:{request_id}",
            "code": problem.code,
            "request_id": request_id,
            # Hugging Face's clients show this one.
            "error": problem.detail,
        }
    ).encode()


def log_unforeseen(error: BaseException) -> None:
    """The kind and the place of an error, never its text: that may hold what a stranger sent."""
    log.error("unforeseen error", extra={"kind": type(error).__name__, "place": place_of(error.__traceback__)})
