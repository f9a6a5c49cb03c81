"""The gateway as the page sees it: four questions, typed answers, one typed error."""

from __future__ import annotations

import json
import math
import time
import uuid
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import requests
import urllib3
from requests.adapters import HTTPAdapter

# Longer than the longest deadline the gateway allows a model would be a lie; its usual one is 60 s.
PATIENCE = 75.0
CONNECT_WITHIN = 5.0
# The directory never sleeps, and a visitor is looking at an empty page meanwhile.
DIRECTORY_PATIENCE = 10.0
LARGEST_ANSWER = 4 * 1024 * 1024


@dataclass(frozen=True)
class Prediction:
    label: str
    score: float


@dataclass(frozen=True)
class Timings:
    """Milliseconds. `total` is what the caller waited; the rest is what the service says it spent."""

    total: float
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def network(self) -> float:
        """What is left of the total: the way there and back, through the gateway."""
        return max(0.0, self.total - sum(self.parts.values()))


@dataclass(frozen=True)
class Answer:
    """What a model says of a picture, best first."""

    predictions: tuple[Prediction, ...]
    timings: Timings
    request_id: str
    version: str = ""


class GatewayError(Exception):
    """The gateway or what is behind it did not give the answer asked for.

    `code` is stable: a service's own (`image_unsupported`, `overloaded`, …), `http_STATUS` where only the gateway
    spoke, or one of `unreachable`, `too_slow`, `not_understood`, `redirected`. `detail` is one sentence in English.
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


class GatewayClient:
    """Asks the gateway at `address`. Safe to share between threads: it keeps connections, no cookies and no answers."""

    def __init__(
        self, address: str, api_key: str, *, session: requests.Session | None = None, patience: float = PATIENCE
    ) -> None:
        self._address = address.rstrip("/")
        self._patience = patience
        self._session = session or plain_session()
        self._headers = {"x-api-key": api_key, "Accept": "application/json", "Accept-Encoding": "identity"}

    def models(self) -> list[dict[str, Any]]:
        """The models there are, as the directory describes them: at least `name` and `title`."""
        reply = self._ask("GET", "/v1/models", patience=min(self._patience, DIRECTORY_PATIENCE))
        entries = reply.json.get("models") if isinstance(reply.json, dict) else None
        if not isinstance(entries, list):
            raise _not_understood(reply)
        models = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
        return [{**entry, "title": str(entry.get("title") or entry["name"])} for entry in models]

    def card(self, model: str) -> dict[str, Any]:
        """What the model is: architecture, input, precision, version, receipt."""
        reply = self._ask("GET", f"/v1/models/{quote(model, safe='')}")
        if not isinstance(reply.json, dict):
            raise _not_understood(reply)
        return reply.json

    def ready(self, model: str) -> float:
        """Wakes the model if it sleeps; how long it took to say it is ready, in milliseconds."""
        return self._ask("GET", f"/v1/models/{quote(model, safe='')}/ready").timings.total

    def predict(self, model: str, picture: bytes | str, top_k: int = 5) -> Answer:
        """The model's `top_k` best labels for a picture: its bytes, or its address, which the service fetches."""
        body: dict[str, Any] = {"json": {"url": picture}} if isinstance(picture, str) else {"data": picture}
        reply = self._ask("POST", f"/v1/models/{quote(model, safe='')}/predict", params={"top_k": top_k}, **body)
        try:
            predictions = tuple(_prediction(one) for one in reply.json)
        except (TypeError, KeyError, ValueError) as err:
            raise _not_understood(reply) from err
        return Answer(predictions, reply.timings, reply.request_id, reply.headers.get("X-Model-Version", ""))

    def _ask(self, method: str, path: str, *, patience: float | None = None, **options: Any) -> _Reply:
        patience = patience or self._patience
        request_id = uuid.uuid4().hex
        started = time.perf_counter()
        try:
            with self._session.request(
                method,
                self._address + path,
                headers={**self._headers, "X-Request-Id": request_id},
                timeout=(CONNECT_WITHIN, patience),
                allow_redirects=False,
                stream=True,
                **options,
            ) as response:
                body = _bounded(response, started + patience)
                status, headers = response.status_code, response.headers
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as err:
            waited = time.perf_counter() - started
            raise GatewayError("too_slow", f"No answer came within {waited:.0f} s.", request_id=request_id) from err
        except (requests.RequestException, urllib3.exceptions.HTTPError) as err:
            detail = "The gateway cannot be reached, or closed the connection without an answer."
            raise GatewayError("unreachable", detail, request_id=request_id) from err
        total = (time.perf_counter() - started) * 1000
        reply = _Reply(status, headers, body, headers.get("X-Request-Id", request_id), total)
        if status != 200:
            raise _error(reply)
        return reply


class _Reply:
    """One answer, read whole; `json` is None for a body which is no JSON."""

    def __init__(self, status: int, headers: Any, body: bytes, request_id: str, total: float) -> None:
        self.status = status
        self.headers = headers
        self.request_id = request_id
        self.timings = Timings(total, server_timing(headers.get("Server-Timing", "")))
        try:
            self.json: Any = json.loads(body)
        except (ValueError, RecursionError):
            self.json = None


def plain_session(connections: int = 32) -> requests.Session:
    """A session that keeps connections but no cookies, and heeds no proxy or netrc of its surroundings."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0))
    return session


def server_timing(header: str) -> dict[str, float]:
    """`decode;dur=1.5, infer;dur=2.1` as {"decode": 1.5, "infer": 2.1}; what is not of that form is left out."""
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


def _prediction(entry: Any) -> Prediction:
    label, score = entry["label"], float(entry["score"])
    if not isinstance(label, str) or not math.isfinite(score):
        raise ValueError("a label without a score")
    return Prediction(label, score)


def _bounded(response: requests.Response, deadline: float) -> bytes:
    """The body, at most LARGEST_ANSWER bytes of it, and none of it past the deadline."""
    body = bytearray()
    # read1 returns what is there; requests' own iterator waits for whole blocks, however slowly they come.
    while chunk := response.raw.read1(64 * 1024):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            return b""
        if time.perf_counter() > deadline:
            raise TimeoutError
    return bytes(body)


def _error(reply: _Reply) -> GatewayError:
    """The error in a service's shape (problem+json), in the gateway's ({"code", "message"}), or in none."""
    answer = reply.json if isinstance(reply.json, dict) else {}
    retry_after = reply.headers.get("Retry-After", "")
    known: dict[str, Any] = {
        "request_id": str(answer.get("request_id") or reply.request_id),
        "status": reply.status,
        "retry_after": float(retry_after) if retry_after.isdecimal() else None,
    }
    if isinstance(answer.get("detail"), str) and isinstance(answer.get("code"), str):
        return GatewayError(answer["code"], answer["detail"], **known)
    if isinstance(answer.get("message"), str):
        return GatewayError(f"http_{reply.status}", answer["message"], **known)
    if 300 <= reply.status < 400:
        return GatewayError("redirected", "The gateway's address answers with a redirect, not with an answer.", **known)
    detail = f"The gateway answered with status {reply.status} and no explanation."
    return GatewayError(f"http_{reply.status}", detail, **known)


def _not_understood(reply: _Reply) -> GatewayError:
    detail = "What answers at the gateway's address does not speak its language."
    return GatewayError("not_understood", detail, request_id=reply.request_id, status=reply.status)
