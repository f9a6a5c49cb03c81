"""How Streamlit serves the page, in one place: no configuration file is read or needed."""

from __future__ import annotations

from typing import Any

from frontend.settings import Settings


def options(wanted: Settings) -> dict[str, Any]:
    """Streamlit's options for the page."""
    return {
        "server.address": wanted.host,
        "server.port": wanted.port,
        "server.headless": True,
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.maxUploadSize": 10,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        # Without this Streamlit asks a server on the internet for its own address.
        "logger.hideWelcomeMessage": True,
    }
