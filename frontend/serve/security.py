"""Security headers for every response, and WebSockets for the page's own origin only."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontend.settings import Settings

# Streamlit adds inline styles and loads the page's components from blobs; images may come from any URL.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval' blob: 'sha256-{inline}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob: https: http:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


HOST_REFUSED = (
    "This page is served under this machine's own names only, such as localhost. To serve it under another one, add "
    "its address to the variable ALLOWED_ORIGINS.\n"
)
ORIGIN_REFUSED = (
    "Refused a browser whose page is at %s, because its request has the Host %s. If a proxy changes Host, let it pass "
    "Host on, or add the page's address to ALLOWED_ORIGINS."
)


class Security:
    """Middleware that adds the security headers, and refuses other origins' WebSockets and, on loopback, other hosts.

    Streamlit refuses other origins too, but first asks a server on the internet for its own address, which blocks the
    event loop. `index` is Streamlit's index.html.
    """

    def __init__(self, app: ASGIApp, index: str, settings: Settings) -> None:
        self._app = app
        self._headers = security_headers(index)
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not host_allowed(headers, self._settings):
            await PlainTextResponse(HOST_REFUSED, 421)(scope, receive, send)
            return
        if scope["type"] == "websocket":
            if not origin_allowed(headers, self._settings.allowed_origins):
                logging.getLogger("frontend").warning(ORIGIN_REFUSED, headers.get("origin"), headers.get("host"))
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
            if origin := headers.get("origin"):
                # Streamlit compares the two as well.
                MutableHeaders(scope=scope)["host"] = urlsplit(origin).netloc

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def origin_allowed(headers: Headers, allowed: Collection[str] = ()) -> bool:
    """Whether the Origin is the page's own, or one of those allowed. Programs send none, which is allowed.

    Behind a proxy that changes Host, the browser still says that the request comes from the page itself.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        own = urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False
    return own or origin.lower() in allowed or headers.get("sec-fetch-site") == "same-origin"


def host_allowed(headers: Headers, settings: Settings) -> bool:
    """Whether a page on loopback is addressed by a name of this machine: another name may be DNS rebinding."""
    if not is_loopback(settings.host):
        return True
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or host.lower() in {urlsplit(origin).netloc for origin in settings.allowed_origins}


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def security_headers(index: str) -> dict[str, str]:
    """The headers of every response. The policy allows the one inline script of `index` by its digest."""
    scripts = re.findall(r"<script>(.*?)</script>", index, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256("".join(scripts[:1]).encode()).digest()).decode()
    return {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(inline=digest),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(self), clipboard-read=(self), microphone=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }
