"""Streamlit's options for the page. No Streamlit configuration file is needed."""

from __future__ import annotations

from typing import Any

from frontend.settings import Settings
from frontend.state.visits import KEPT_FOR

# MB. The image input sends no larger message, and the rest of a visitor's widget state is small.
MAX_MESSAGE = 24

LIGHT = {
    "primaryColor": "#3446c4",
    "backgroundColor": "#fdfcf9",
    "secondaryBackgroundColor": "#f2f0ea",
    "textColor": "#141823",
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


def streamlit_options(settings: Settings) -> dict[str, Any]:
    """The options by name."""
    return {
        "server.address": settings.host,
        "server.port": settings.port,
        "server.headless": True,
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.maxUploadSize": 1,  # the image input does not use Streamlit's uploads
        "server.maxMessageSize": 2 * MAX_MESSAGE,
        "server.maxWidgetStateSize": MAX_MESSAGE,
        # Runs of the script for which a browser keeps messages that Streamlit may refer to. A slow browser is several
        # runs behind, and a reference to a message that it has dropped stops the page ("Cached ForwardMsg MISS").
        "global.maxCachedMessageAge": 50,
        "server.fileWatcherType": "none",
        # Seconds; the page itself closes the session of a visit that ended, which must not have expired by then.
        "server.disconnectedSessionTTL": int(2 * KEPT_FOR),
        # A full collection after each run takes longer than the run.
        "runner.postScriptGC": False,
        "runner.magicEnabled": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "theme.baseRadius": "0.75rem",
        "theme.paddingTop": "0.5rem",
        "theme.paddingBottom": "1rem",
        "theme.headingFontSizes": ["1.7rem", "1.2rem"],
        "theme.metricValueFontSize": "1.25rem",
        "theme.metricValueFontWeight": 600,
        **{f"theme.light.{name}": value for name, value in LIGHT.items()},
        **{f"theme.dark.{name}": value for name, value in DARK.items()},
        # At "info" it logs every run.
        "logger.level": "warning",
        # Otherwise Streamlit asks a server on the internet for its own address.
        "logger.hideWelcomeMessage": True,
    }
