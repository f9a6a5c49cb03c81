"""The problems of prediction requests, grouped by cause.

With `services.problems`, which has those of any request, this is the list of the services' error codes.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from services.problems import Problem

# The request cannot be understood.


class PathNotFound(Problem):
    status, code = HTTPStatus.NOT_FOUND, "not_found"


class InputAmbiguous(Problem):
    status, code = HTTPStatus.BAD_REQUEST, "input_ambiguous"


class JsonInvalid(Problem):
    status, code = HTTPStatus.BAD_REQUEST, "json_invalid"


class MultipartInvalid(Problem):
    status, code = HTTPStatus.BAD_REQUEST, "multipart_invalid"


class ParameterInvalid(Problem):
    status, code = HTTPStatus.BAD_REQUEST, "parameter_invalid"


class MediaTypeUnsupported(Problem):
    status, code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media_type_unsupported"


class ContentEncodingUnsupported(Problem):
    status, code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_encoding_unsupported"
    headers = ((b"accept-encoding", b"identity"),)


# The image cannot be read.


class ImageUnsupported(Problem):
    status, code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "image_unsupported"


class ImageCorrupt(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "image_corrupt"


class ImageTooManyPixels(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "image_too_many_pixels"


class ImageTooComplex(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "image_too_complex"


# The URL cannot be fetched, or may not be.


class UrlInvalid(Problem):
    status, code = HTTPStatus.BAD_REQUEST, "url_invalid"


class UrlBlocked(Problem):
    status, code = HTTPStatus.BAD_REQUEST, "url_blocked"


class UrlDisabled(Problem):
    status, code = HTTPStatus.FORBIDDEN, "url_disabled"


class FetchFailed(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "fetch_failed"


class FetchTimeout(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "fetch_timeout"


class FetchTruncated(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "fetch_truncated"


class FetchType(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "fetch_type"


class FetchEncoding(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "fetch_encoding"


class FetchRedirects(Problem):
    status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "fetch_redirects"


class FetchTooLarge(Problem):
    status, code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "fetch_too_large"


# The service cannot predict.


class QueueTimeout(Problem):
    status, code, retry_after = HTTPStatus.TOO_MANY_REQUESTS, "queue_timeout", 1


class NotReady(Problem):
    status, code, retry_after = HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", 1


class ModelOutputInvalid(Problem):
    status, code = HTTPStatus.INTERNAL_SERVER_ERROR, "model_output_invalid"


def shown(name: str) -> str:
    """A name from the request for an error message: shortened, its special characters replaced."""
    return re.sub(r"[^\w.-]", "?", name, flags=re.ASCII)[:40]
