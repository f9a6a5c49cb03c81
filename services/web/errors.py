"""Errors as RFC 9457 `application/problem+json`, and the one handler that sends them."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from services.web.problems import InternalError, OutOfMemory, Problem, log_unforeseen, problem_document

log = logging.getLogger(__name__)


def problem_response(problem: Problem) -> Response:
    """The answer that tells a caller about `problem`."""
    g.problem = problem.code
    body = problem_document(problem, g.envelope.request_id)
    response = Response(body, problem.status, content_type="application/problem+json")
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def handle_problems(app: Flask) -> None:
    """Every error of `app`, foreseen or not, leaves as problem+json without a word of the exception."""
    # Flask would redirect `//predict` to an address made of whatever Host the caller sent, on a page of HTML.
    app.url_map.merge_slashes = False

    @app.errorhandler(Problem)
    def _ours(problem: Problem) -> Response:
        return problem_response(problem)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        response = problem_response(_problem_of(error))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    @app.errorhandler(MemoryError)
    def _memory(_: MemoryError) -> Response:
        log.error("out of memory")
        return problem_response(OutOfMemory("The service is short of memory; try again in a moment."))

    @app.errorhandler(Exception)
    def _unforeseen(error: Exception) -> Response:
        log_unforeseen(error)
        return problem_response(InternalError("The service failed on this request; it is not your fault."))


class _Http(Problem):
    """One of Werkzeug's errors, in our form and words."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        # Of this one, not of the class: the status is only known now.
        self.status, self.code = status, status.name.lower()  # type: ignore[misc]


def _problem_of(error: HTTPException) -> Problem:
    status = HTTPStatus(error.code or 500)
    ours = {NotFound: "There is nothing at this path.", MethodNotAllowed: "This path does not take this method."}
    return _Http(status, ours.get(type(error), status.description or status.phrase))
