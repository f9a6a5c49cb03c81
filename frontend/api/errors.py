"""The one error of every request to the gateway."""

from __future__ import annotations

# A service's codes for requests that only a bug in the page or the gateway can cause.
MALFORMED = frozenset(
    {
        "body_malformed",
        "content_encoding_unsupported",
        "expectation_failed",
        "headers_too_large",
        "input_ambiguous",
        "json_invalid",
        "media_type_unsupported",
        "multipart_invalid",
        "parameter_invalid",
        "request_malformed",
        "transfer_coding_unsupported",
        "uri_too_long",
    }
)
# Codes for which another attempt may help, although the image is at fault: its server may have been busy.
FETCH_FAULTS = frozenset({"fetch_failed", "fetch_timeout", "fetch_truncated"})
IMAGE_FAULTS = FETCH_FAULTS | {
    "body_too_large",
    "fetch_encoding",
    "fetch_redirects",
    "fetch_too_large",
    "fetch_type",
    "http_413",
    "image_corrupt",
    "image_too_complex",
    "image_too_many_pixels",
    "image_unsupported",
    "url_blocked",
    "url_disabled",
    "url_invalid",
}
PERMANENT = (IMAGE_FAULTS - FETCH_FAULTS) | MALFORMED | {"http_400", "http_401", "http_403", "http_404", "redirected"}


class GatewayError(Exception):
    """The gateway or a service behind it did not return what was requested.

    `code` is stable: a service's own (`image_unsupported`, `overloaded`, …), `http_STATUS` for the gateway's errors, or
    one of `unreachable`, `too_slow`, `not_understood`, `redirected`. `detail` is one English sentence.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        request_id: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.status = status
        self.retry_after = retry_after

    @property
    def image_fault(self) -> bool:
        """Whether the image is at fault, so that every model refuses it."""
        return self.code in IMAGE_FAULTS

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code not in PERMANENT
