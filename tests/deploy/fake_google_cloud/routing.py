"""Maps requests to handlers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from tests.deploy.fake_google_cloud.state import Cloud, Resource


@dataclass
class Request:
    """A request. `operation` is the error of the operation it starts, taken by `failing`."""

    method: str
    path: str
    host: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    headers: Message = field(default_factory=Message)
    operation: str = ""

    @property
    def body(self) -> dict[str, Any]:
        found = json.loads(self.raw or b"{}")
        assert isinstance(found, dict)
        return found

    @property
    def region(self) -> str:
        """The region at the start of Cloud Run's regional host names."""
        found = re.match(r"([a-z]+-[a-z]+\d+)-", self.host)
        return found[1] if found else "us-central1"

    def failing(self) -> str:
        """The error to fail with, once."""
        message, self.operation = self.operation, ""
        return message


@dataclass(frozen=True)
class RawResponse:
    """A response other than 200 with JSON."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Response = Resource | RawResponse
Handler = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """`{x}` in a pattern is one segment of the path, handed over as the argument x. `api` must be enabled."""

    api: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    handler: Handler


ROUTES: list[Route] = []


def route(api: str, methods: str, *patterns: str) -> Callable[[Handler], Handler]:
    """Registers a handler, called with the cloud, the request and the pattern's groups."""

    def register(handler: Handler) -> Handler:
        for pattern in patterns:
            regex = re.compile("^/" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", pattern) + "$")
            ROUTES.append(Route(api, frozenset(methods.split()), regex, handler))
        return handler

    return register


def find(cloud: Cloud, request: Request) -> tuple[Route, dict[str, str]] | None:
    """The route of a request, and the pattern's groups."""
    for candidate in ROUTES:
        match = candidate.pattern.match(request.path) if request.method in candidate.methods else None
        if match:
            return candidate, {key: value for key, value in match.groupdict().items() if value is not None}
    return None
