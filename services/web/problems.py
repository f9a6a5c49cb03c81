"""Errors as RFC 9457 `application/problem+json`, and the one handler that sends them."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any, ClassVar

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

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


def problem_response(problem: Problem) -> Response:
    """The answer that tells a caller about `problem`."""
    return _response(problem.status, problem.code, problem.detail, problem.retry_after)


def handle_problems(app: Flask) -> None:
    """Every error of `app`, foreseen or not, leaves as problem+json without a word of the exception."""
    # Flask would redirect `//predict` to an address made of whatever Host the caller sent, on a page of HTML.
    app.url_map.merge_slashes = False

    @app.errorhandler(Problem)
    def _ours(problem: Problem) -> Response:
        g.problem = problem.code
        return problem_response(problem)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or 500)
        g.problem = status.name.lower()
        detail = {NotFound: "There is nothing at this path.", MethodNotAllowed: "This path does not take this method."}
        response = _response(status, g.problem, detail.get(type(error), status.description or status.phrase))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    @app.errorhandler(MemoryError)
    def _memory(_: MemoryError) -> Response:
        g.problem = OutOfMemory.code
        log.error("out of memory")
        return problem_response(OutOfMemory("The service is short of memory; try again in a moment."))

    @app.errorhandler(Exception)
    def _unforeseen(error: Exception) -> Response:
        g.problem = InternalError.code
        log_unforeseen(error)
        return problem_response(InternalError("The service failed on this request; it is not your fault."))


def log_unforeseen(error: BaseException) -> None:
    """The kind and the place of an error, never its text: that may hold what a stranger sent."""
    log.error("unforeseen error", extra={"kind": type(error).__name__, "place": place_of(error.__traceback__)})


def _response(status: HTTPStatus, code: str, detail: str, retry_after: int | None = None) -> Response:
    request_id = g.get("request_id", "")
    body: dict[str, Any] = {
        "type": f"urn:guichet:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": f"urn:guichet:request:{request_id}",
        "code": code,
        "request_id": request_id,
        # Hugging Face's clients show this one.
        "error": detail,
    }
    response = Response(json.dumps(body), status, content_type="application/problem+json")
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response
