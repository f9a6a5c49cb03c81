"""What can be wrong with a request as HTTP, before any application looks at it."""

from __future__ import annotations

from http import HTTPStatus

from gunicorn.http import errors

from services.web.problems import Problem


class RequestMalformed(Problem):
    status, code = HTTPStatus.BAD_REQUEST, "request_malformed"


class RequestTimeout(Problem):
    status, code = HTTPStatus.REQUEST_TIMEOUT, "request_timeout"


class ExpectationFailed(Problem):
    status, code = HTTPStatus.EXPECTATION_FAILED, "expectation_failed"


class AddressTooLong(Problem):
    status, code = HTTPStatus.REQUEST_URI_TOO_LONG, "uri_too_long"


class HeadTooLarge(Problem):
    status, code = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large"


class CodingUnsupported(Problem):
    status, code = HTTPStatus.NOT_IMPLEMENTED, "transfer_coding_unsupported"


class BodyMalformed(Problem):
    status, code = HTTPStatus.BAD_REQUEST, "body_malformed"


class BodyTooLarge(Problem):
    status, code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large"


class BodyTimeout(Problem):
    status, code = HTTPStatus.REQUEST_TIMEOUT, "body_timeout"


class Overloaded(Problem):
    status, code, retry_after = HTTPStatus.TOO_MANY_REQUESTS, "overloaded", 1


class Stopping(Problem):
    status, code, retry_after = HTTPStatus.SERVICE_UNAVAILABLE, "stopping", 1


def fault_of(error: errors.ParseException) -> Problem:
    """Our words for what gunicorn's parser refuses; its own hold what a stranger sent."""
    match error:
        case errors.LimitRequestLine():
            return AddressTooLong("The address of the request is too long.")
        case errors.LimitRequestHeaders():
            return HeadTooLarge("The request has too many headers, or one that is too long.")
        case errors.ExpectationFailed():
            return ExpectationFailed("The only Expect that is met here is `100-continue`.")
    return RequestMalformed("The request breaks the rules of HTTP/1.1.")
