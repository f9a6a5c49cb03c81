"""Security headers for every response, and WebSockets for the page's own origin only."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class Security:
    """Middleware that adds the security headers and refuses WebSockets from other origins.

    Streamlit refuses those too, but first asks a server on the internet for its own address, which blocks the event
    loop. `index` is Streamlit's index.html.
    """

    def __init__(self, app: ASGIApp, index: str) -> None:
        self._app = app
        self._headers = security_headers(index)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not same_origin(Headers(scope=scope)):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def same_origin(headers: Headers) -> bool:
    """Whether the Origin is the page's own. Programs send none, which is allowed."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


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
