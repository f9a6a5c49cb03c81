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

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        response = problem_response(_problem_of(error))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    @app.errorhandler(Exception)
    def _any(error: Exception) -> Response:
        return problem_response(problem_of(error))


def problem_of(error: Exception) -> Problem:
    """What a caller is told of an error; what is not ours is logged by its kind and place."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, MemoryError):
        log.error("out of memory")
        return OutOfMemory("The service is short of memory; try again in a moment.")
    log_unforeseen(error)
    return InternalError("The service failed on this request; it is not your fault.")


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
