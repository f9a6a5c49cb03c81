"""What Streamlit sends to the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browsers import needs_chromium
from tests.frontend.conftest import Visitor

pytestmark = [pytest.mark.integration, needs_chromium]


def test_a_browser_that_is_behind_has_every_message_that_is_referred_to(visitor: Visitor) -> None:
    """A reference to a message that the browser has dropped stops the page."""
    kept: list[int] = []

    def record(frame: str | bytes) -> None:
        assert isinstance(frame, bytes)
        message = ForwardMsg.FromString(frame)
        if message.HasField("new_session"):
            kept.append(message.new_session.config.max_cached_message_age)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", record)

    page = visitor()
    page.on("websocket", listen)
    page.reload()
    expect(page.locator(".g-welcome")).to_be_visible()
    assert kept
    assert min(kept) >= 20  # runs of the script; by default 2
