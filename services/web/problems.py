"""Errors as RFC 9457 `application/problem+json`, and the one handler that sends them."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any, ClassVar

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

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
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal"


def problem_response(problem: Problem) -> Response:
    """The answer that tells a caller about `problem`."""
    return _response(problem.status, problem.code, problem.detail, problem.retry_after)


def handle_problems(app: Flask) -> None:
    """Every error of `app`, foreseen or not, leaves as problem+json without a word of the exception."""

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

    @app.errorhandler(Exception)
    def _unforeseen(error: Exception) -> Response:
        g.problem = InternalError.code
        where = error.__traceback__
        while where and where.tb_next:
            where = where.tb_next
        # The kind and the place, never the text: it may hold what a stranger sent.
        place = f"{where.tb_frame.f_globals.get('__name__')}:{where.tb_lineno}" if where else "?"
        log.error("unforeseen error", extra={"kind": type(error).__name__, "place": place})
        return problem_response(InternalError("The service failed on this request; it is not your fault."))


def _response(status: HTTPStatus, code: str, detail: str, retry_after: int | None = None) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:guichet:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": g.get("request_id", ""),
        # Hugging Face's clients show this one.
        "error": detail,
    }
    response = Response(json.dumps(body), status, content_type="application/problem+json")
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response
