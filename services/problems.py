"""RFC 9457 problems: their base class, their JSON, and those that any request can cause."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from services.location import location_of

log = logging.getLogger(__name__)


class Problem(Exception):
    """An error response. `detail` is a sentence for callers, never the text of another exception."""

    status: HTTPStatus
    code: str
    retry_after: int | None = None
    # Close the connection after the response, because the rest of the request was not read.
    closes: bool = False
    headers: tuple[tuple[bytes, bytes], ...] = ()
    # The document's `error`, if it is not `detail`.
    error: object = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class RequestMalformed(Problem):
    status, code, closes = HTTPStatus.BAD_REQUEST, "request_malformed", True


class RequestTimeout(Problem):
    status, code, closes = HTTPStatus.REQUEST_TIMEOUT, "request_timeout", True


class ExpectationFailed(Problem):
    status, code, closes = HTTPStatus.EXPECTATION_FAILED, "expectation_failed", True


class UriTooLong(Problem):
    status, code, closes = HTTPStatus.REQUEST_URI_TOO_LONG, "uri_too_long", True


class HeadersTooLarge(Problem):
    status, code, closes = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", True


class TransferCodingUnsupported(Problem):
    status, code, closes = HTTPStatus.NOT_IMPLEMENTED, "transfer_coding_unsupported", True


class BodyMalformed(Problem):
    status, code, closes = HTTPStatus.BAD_REQUEST, "body_malformed", True


class BodyTooLarge(Problem):
    status, code, closes = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", True


class BodyTimeout(Problem):
    status, code, closes = HTTPStatus.REQUEST_TIMEOUT, "body_timeout", True


class CallerGone(Problem):
    """For the log and the metrics only; the caller has disconnected."""

    status, code, closes = HTTPStatus.REQUEST_TIMEOUT, "caller_gone", True


class Overloaded(Problem):
    status, code, retry_after = HTTPStatus.TOO_MANY_REQUESTS, "overloaded", 1


class ConnectionRefused(Overloaded):
    """Overloaded before the request was read."""

    closes = True


class Stopping(Problem):
    status, code, retry_after, closes = HTTPStatus.SERVICE_UNAVAILABLE, "stopping", 1, True


class OutOfMemory(Problem):
    status, code, retry_after = HTTPStatus.SERVICE_UNAVAILABLE, "out_of_memory", 1


class InternalError(Problem):
    status, code = HTTPStatus.INTERNAL_SERVER_ERROR, "internal"


def internal_error() -> InternalError:
    """The problem for any bug in the service."""
    return InternalError("The service failed because of an internal error.")


def problem_of(error: BaseException) -> Problem:
    """The problem to respond with. An error that is not a Problem is logged by its type and location."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, MemoryError):
        log.error("out of memory")
        return OutOfMemory("The service is short of memory; try again in a moment.")
    # Do not log the error's text, which may contain what a caller sent.
    log.error("unforeseen error", extra={"kind": type(error).__name__, "place": location_of(error.__traceback__)})
    return internal_error()


def problem_document(problem: Problem, request_id: str) -> bytes:
    """The response's body, `application/problem+json`."""
    return json.dumps(
        {
            "type": f"urn:guichet:problem:{problem.code}",
            "title": problem.status.phrase,
            "status": int(problem.status),
            "detail": problem.detail,
            "instance": f"urn:guichet:request:{request_id}",
            "code": problem.code,
            "request_id": request_id,
            # The field that Hugging Face's and other clients display.
            "error": problem.error or problem.detail,
        }
    ).encode()


def problem_headers(problem: Problem) -> list[tuple[bytes, bytes]]:
    """The response's headers: the problem's own, Retry-After and Connection."""
    headers = [*problem.headers]
    if problem.retry_after is not None:
        headers.append((b"retry-after", str(problem.retry_after).encode()))
    if problem.closes:
        headers.append((b"connection", b"close"))
    return headers
