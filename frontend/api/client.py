"""A typed client of the gateway. Every failure becomes a `GatewayError`."""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal
from urllib.parse import quote

import requests
import urllib3
from requests.adapters import HTTPAdapter

from frontend.api.errors import GatewayError

# Seconds. A model's deadline at the gateway is usually 60.
REQUEST_TIMEOUT = 75.0
CONNECT_TIMEOUT = 5.0
# The directory does not scale to zero, and the page is empty until it responds.
DIRECTORY_TIMEOUT = 10.0
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
# What a model's scores are: one label is right (softmax), each label is right or wrong by itself (sigmoid), or the
# model's outputs as they are (none).
ScoreKind = Literal["softmax", "sigmoid", "none"]


@dataclass(frozen=True)
class Model:
    """A model as the directory lists it; `labels` is how many it distinguishes, None if only its card says so."""

    name: str
    title: str
    labels: int | None = None
    scores: ScoreKind = "softmax"
    input: tuple[int, int] | None = None
    precision: str = ""


@dataclass(frozen=True)
class Prediction:
    label: str
    score: float


@dataclass(frozen=True)
class Timings:
    """Milliseconds: the caller's total, and the parts of it that the service reports."""

    total: float
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def network(self) -> float:
        """The rest of the total: the network and the gateway."""
        return max(0.0, self.total - sum(self.parts.values()))


@dataclass(frozen=True)
class PredictResponse:
    """A model's predictions for one image, best first."""

    predictions: tuple[Prediction, ...]
    timings: Timings
    request_id: str
    version: str = ""


class GatewayClient:
    """A thread-safe client of the gateway at `address`. It pools connections and keeps no cookies."""

    def __init__(
        self, address: str, api_key: str, *, session: requests.Session | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> None:
        self._address = address.rstrip("/")
        self._timeout = timeout
        self._session = session or plain_session()
        self._headers = {"x-api-key": api_key, "Accept": "application/json", "Accept-Encoding": "identity"}

    def models(self) -> list[Model]:
        """The models in the directory's order; malformed entries are skipped."""
        response = self._request("GET", "/v1/models", timeout=min(self._timeout, DIRECTORY_TIMEOUT))
        entries = response.json.get("models") if isinstance(response.json, dict) else None
        if not isinstance(entries, list):
            raise _not_understood(response)
        return [_model(entry) for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)]

    def card(self, model: str) -> dict[str, Any]:
        """The model's architecture, input, precision, version and receipt."""
        response = self._request("GET", f"/v1/models/{quote(model, safe='')}")
        if not isinstance(response.json, dict):
            raise _not_understood(response)
        return response.json

    def ready(self, model: str) -> None:
        """Return once the model is ready. A service that was scaled to zero starts."""
        self._request("GET", f"/v1/models/{quote(model, safe='')}/ready")

    def predict(self, model: str, image: bytes | str, top_k: int = 5) -> PredictResponse:
        """The model's `top_k` best labels for an image: its bytes, or a URL for the service to fetch."""
        body: dict[str, Any] = {"json": {"url": image}} if isinstance(image, str) else {"data": image}
        response = self._request("POST", f"/v1/models/{quote(model, safe='')}/predict", params={"top_k": top_k}, **body)
        try:
            predictions = tuple(_prediction(entry) for entry in response.json)
        except (TypeError, KeyError, ValueError) as err:
            raise _not_understood(response) from err
        version = response.headers.get("X-Model-Version", "")
        return PredictResponse(predictions, response.timings, response.request_id, version)

    def _request(self, method: str, path: str, *, timeout: float | None = None, **options: Any) -> _Response:
        timeout = timeout or self._timeout
        request_id = uuid.uuid4().hex
        started = time.perf_counter()
        try:
            with self._session.request(
                method,
                self._address + path,
                headers={**self._headers, "X-Request-Id": request_id},
                timeout=(CONNECT_TIMEOUT, timeout),
                allow_redirects=False,
                stream=True,
                **options,
            ) as response:
                body = _read_body(response, started + timeout)
                status, headers = response.status_code, response.headers
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as err:
            waited = time.perf_counter() - started
            raise GatewayError("too_slow", f"Timed out after {waited:.0f} s.", request_id=request_id) from err
        except (requests.RequestException, urllib3.exceptions.HTTPError) as err:
            detail = "The gateway cannot be reached, or closed the connection without a response."
            raise GatewayError("unreachable", detail, request_id=request_id) from err
        total = (time.perf_counter() - started) * 1000
        result = _Response(status, headers, body, headers.get("X-Request-Id", request_id), total)
        if status != 200:
            raise _error(result)
        return result


class _Response:
    """A response whose body has been read; `json` is None if the body is not JSON."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, request_id: str, total: float) -> None:
        self.status = status
        self.headers = headers
        self.request_id = request_id
        self.timings = Timings(total, server_timing(headers.get("Server-Timing", "")))
        try:
            self.json: Any = json.loads(body)
        except (ValueError, RecursionError):
            self.json = None


def plain_session(connections: int = 32) -> requests.Session:
    """A session that pools connections, stores no cookies, and ignores the environment's proxies and .netrc."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0))
    return session


def server_timing(header: str) -> dict[str, float]:
    """`decode;dur=1.5, infer;dur=2.1` as {"decode": 1.5, "infer": 2.1}; malformed entries are skipped."""
    parts: dict[str, float] = {}
    for metric in header.split(","):
        name, *parameters = (piece.strip() for piece in metric.split(";"))
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if name.isidentifier() and key.strip().lower() == "dur":
                try:
                    milliseconds = float(value.strip().strip('"'))
                except ValueError:
                    continue
                if 0 <= milliseconds < float("inf"):
                    parts[name] = milliseconds
    return parts


def _model(entry: dict[str, Any]) -> Model:
    labels, size = entry.get("labels"), entry.get("input")
    return Model(
        entry["name"],
        str(entry.get("title") or entry["name"]),
        labels if isinstance(labels, int) and labels > 0 else None,
        scores if (scores := entry.get("scores")) in {"sigmoid", "none"} else "softmax",
        (size["width"], size["height"]) if isinstance(size, dict) and {"width", "height"} <= size.keys() else None,
        str(entry.get("precision") or ""),
    )


def _prediction(entry: Any) -> Prediction:
    label, score = entry["label"], float(entry["score"])
    if not isinstance(label, str) or not math.isfinite(score):
        raise ValueError("not a label with a finite score")
    return Prediction(label, score)


def _read_body(response: requests.Response, deadline: float) -> bytes:
    """The body; b"" if it exceeds MAX_RESPONSE_BYTES. TimeoutError past the deadline."""
    body = bytearray()
    # Not iter_content: it waits for whole chunks, so a slow sender could outlast the deadline.
    while chunk := response.raw.read1(64 * 1024):
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            return b""
        if time.perf_counter() > deadline:
            raise TimeoutError
    return bytes(body)


def _error(response: _Response) -> GatewayError:
    """The error of a service (problem+json), of the gateway ({"code", "message"}), or of neither's shape."""
    body = response.json if isinstance(response.json, dict) else {}
    retry_after = response.headers.get("Retry-After", "")
    known: dict[str, Any] = {
        "request_id": str(body.get("request_id") or response.request_id),
        "status": response.status,
        "retry_after": float(retry_after) if retry_after.isdecimal() else None,
    }
    if isinstance(body.get("detail"), str) and isinstance(body.get("code"), str):
        return GatewayError(body["code"], body["detail"], **known)
    if isinstance(body.get("message"), str):
        return GatewayError(f"http_{response.status}", body["message"], **known)
    if 300 <= response.status < 400:
        return GatewayError("redirected", "The gateway's address responds with a redirect.", **known)
    detail = f"The gateway returned status {response.status} without an explanation."
    return GatewayError(f"http_{response.status}", detail, **known)


def _not_understood(response: _Response) -> GatewayError:
    detail = "The response is not what the gateway's API promises."
    return GatewayError("not_understood", detail, request_id=response.request_id, status=response.status)
