"""Serves the page's own paths only: Streamlit itself shows its metrics, and responds to unknown paths with 200."""

from __future__ import annotations

import re

from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

VIEWS = frozenset({"/", "/status"})
FILES = frozenset(
    {"/_stcore/health", "/_stcore/host-config", "/_stcore/stream", "/favicon.png", "/favicon.ico", "/host"}
)
SCRIPTS = ("/proxy_check.js", "/idle.js")
FOLDERS = ("/static/", "/samples/", "/media/", "/visits/")
TITLE = "Guichet"
DESCRIPTION = "Classify an image with several models at once, and see whether they agree."


class Paths:
    """Middleware that serves the views from `index`, Streamlit's index.html, and responds 404 to unknown paths."""

    def __init__(self, app: ASGIApp, index: str, idle_minutes: float) -> None:
        self._app = app
        self._index = HTMLResponse(described(index, idle_minutes), headers={"Cache-Control": "no-cache"})
        self._robots = PlainTextResponse("User-agent: *\nAllow: /$\nDisallow: /\n")
        self._unknown = PlainTextResponse("There is no such page.\n", 404)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http":
            path = scope["path"]
            if path in VIEWS and scope["method"] in {"GET", "HEAD"}:
                app = self._index
            elif path == "/robots.txt":
                app = self._robots
            elif path not in VIEWS | FILES | {*SCRIPTS} and not path.startswith(FOLDERS):
                app = self._unknown
        await app(scope, receive, send)


def described(index: str, idle_minutes: float = 0) -> str:
    """Streamlit's index.html with the page's scripts, title and description, also for previews of links."""
    meta = "".join(
        f'<meta {kind}="{name}" content="{content}" />'
        for kind, name, content in (
            ("name", "description", DESCRIPTION),
            ("property", "og:title", TITLE),
            ("property", "og:description", DESCRIPTION),
            ("property", "og:type", "website"),
        )
    )
    index = re.sub(r'<link rel="service-desc"[^>]*>', "", index)
    # Deferred scripts run in this order, and before Streamlit's module.
    scripts = "".join(f'<script defer src=".{path}" data-minutes="{idle_minutes:g}"></script>' for path in SCRIPTS)
    return re.sub(r"<title>.*?</title>", f"<title>{TITLE}</title>{meta}{scripts}", index, count=1)
