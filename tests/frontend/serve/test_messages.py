"""What Streamlit sends to the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import Visitor

pytestmark = [pytest.mark.integration, needs_chromium]


def test_every_message_is_sent_whole(visitor: Visitor, photos: list[Photo]) -> None:
    """A reference to an earlier message stops the page if the browser has dropped that one."""
    kinds: list[str | None] = []

    def record(frame: str | bytes) -> None:
        assert isinstance(frame, bytes)
        kinds.append(ForwardMsg.FromString(frame).WhichOneof("type"))

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", record)

    page = visitor("?models=efficientnet-lite0")
    page.on("websocket", listen)
    page.reload()
    expect(page.locator(".g-welcome")).to_be_visible()
    give_files(page, *(photo.path for photo in photos[:6]))
    expect(page.get_by_text("6 of 6 predictions")).to_be_visible()
    # Another run of the script, which draws the same table.
    page.get_by_role("button", name="Options").click()
    finished = kinds.count("script_finished")
    page.get_by_role("slider", name="Labels per model").press("ArrowLeft")
    wait_for(lambda: bool(page.evaluate("1")) and kinds.count("script_finished") > finished, 20, "the run ended")
    assert "delta" in kinds
    assert "ref_hash" not in kinds
