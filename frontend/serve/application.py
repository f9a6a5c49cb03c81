"""How Streamlit serves the page, in one place: no configuration file is read or needed."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import file_util

from frontend.images.image import SAMPLES, SAMPLES_PATH
from frontend.serve.compression import Compressed
from frontend.settings import Settings
from frontend.state.streamlit_state import words

ROOT = Path(__file__).parents[1]
APP = ROOT / "app.py"
ICON = ROOT / "assets" / "icon.svg"
# The picture input sends no message larger than this (MB); the rest of a visitor's state is small.
LARGEST_MESSAGE = 24

LIGHT = {
    "primaryColor": "#3446c4",
    "backgroundColor": "#fdfcf9",
    "secondaryBackgroundColor": "#f2f0ea",
    "textColor": "#1c2130",
    "linkColor": "#3446c4",
    "borderColor": "#d9d6cd",
    "redTextColor": "#a3261b",
    "orangeTextColor": "#8a4b06",
    "greenTextColor": "#176339",
}
DARK = {
    "primaryColor": "#a9b4ff",
    "backgroundColor": "#12141b",
    "secondaryBackgroundColor": "#1d2029",
    "textColor": "#eceef4",
    "linkColor": "#a9b4ff",
    "borderColor": "#363a47",
    "redTextColor": "#ff9d92",
    "orangeTextColor": "#ffbe76",
    "greenTextColor": "#7fd6a3",
}

# Streamlit writes its styles into the page, and loads the page's own components from blobs: hence 'unsafe-inline' for
# styles and blob: for scripts. A picture may come from anywhere a visitor says.
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


def options(wanted: Settings) -> dict[str, Any]:
    """Streamlit's options for the page."""
    return {
        "server.address": wanted.host,
        "server.port": wanted.port,
        "server.headless": True,
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.maxUploadSize": 1,  # the page's own input does not upload through it
        "server.maxMessageSize": 2 * LARGEST_MESSAGE,
        "server.maxWidgetStateSize": LARGEST_MESSAGE,
        "server.fileWatcherType": "none",
        # A full collection after every click costs more than the click.
        "runner.postScriptGC": False,
        "runner.magicEnabled": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "theme.baseRadius": "0.75rem",
        "theme.paddingTop": "0.5rem",
        "theme.paddingBottom": "1rem",
        **{f"theme.light.{name}": value for name, value in LIGHT.items()},
        **{f"theme.dark.{name}": value for name, value in DARK.items()},
        # What it tells at "info" is told at every click.
        "logger.level": "warning",
        # Without this Streamlit asks a server on the internet for its own address.
        "logger.hideWelcomeMessage": True,
    }


def page() -> st.App:
    """The page as an ASGI application."""
    routes = [
        # In place of Streamlit's own; its way of setting an icon imports NumPy and Pillow first.
        Route("/favicon.png", lambda _: FileResponse(ICON, media_type="image/svg+xml")),
        Mount(SAMPLES_PATH, StaticFiles(directory=SAMPLES)),
    ]
    middleware = [Middleware(Guarded), Middleware(Compressed, folder=_streamlit_files() / "static")]
    return st.App(APP, routes=routes, middleware=middleware, on_script_error=_apologise)


class Guarded:
    """Adds the security headers, and refuses WebSockets that another site's page opens.

    Streamlit refuses those too, but first asks a server on the internet for its own address, while everybody waits.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = security_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not same_origin(Headers(scope=scope)):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_guarded if scope["type"] == "http" else send)


def same_origin(headers: Headers) -> bool:
    """Whether a browser's request comes from this very page; programs send no Origin, and may."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def security_headers() -> dict[str, str]:
    """What every answer carries."""
    return {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(inline=_inline_script_digest()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(self), clipboard-read=(self), microphone=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }


def _inline_script_digest() -> str:
    """The digest of the one script written into Streamlit's own index.html, which the policy allows by it."""
    index = (_streamlit_files() / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", index, re.DOTALL)
    return base64.b64encode(hashlib.sha256("".join(scripts[:1]).encode()).digest()).decode()


def _streamlit_files() -> Path:
    """Where Streamlit keeps what it serves to browsers."""
    return Path(file_util.get_static_dir())


def _apologise(error: Exception) -> bool:
    """Says in the page that something is wrong with it, in place of Streamlit's box; the log has the rest."""
    logging.getLogger("frontend").exception("The page failed.", exc_info=error)
    st.html(f'<p class="g-error" role="alert">{words()("page_error")}</p>')
    return True
