"""Errors as RFC 9457 `application/problem+json`, and the one handler that sends them."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from services.web.problems import InternalError, OutOfMemory, Problem, log_unforeseen

log = logging.getLogger(__name__)


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
