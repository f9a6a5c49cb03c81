"""The page's own routes and its error message."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import requests
from streamlit.testing.v1 import AppTest

from benchmarks.harness.process import wait_for
from benchmarks.page.many_visitors import Visitor
from frontend.images.image import sample_files
from frontend.settings import SAMPLES
from tests.frontend.conftest import Served, served_page

# The page, which keeps the visit of someone who left for a moment only, and logs how many sessions are left then.
FORGETFUL_PAGE = """
from frontend.serve import application, options
from frontend.state import visits
from streamlit.runtime import Runtime

visits.KEPT_FOR, application.CHECK_EVERY = 0.1, 0.1
close = Runtime.close_session

def close_and_log(self, session):
    close(self, session)
    print("sessions:", len(self._session_mgr.list_sessions()), flush=True)

Runtime.close_session = close_and_log
from frontend.__main__ import main
main()
"""


@pytest.mark.integration
def test_health_is_ok_once_the_page_is_up(served: Served) -> None:
    response = requests.get(f"{served.url}/_stcore/health", timeout=10)
    assert (response.status_code, response.text) == (200, "ok")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "media_type"),
    [("favicon.png", "image/svg+xml"), *((f"samples/{name}.jpg", "image/jpeg") for name in sample_files(SAMPLES))],
)
def test_the_icon_and_the_samples_are_served(served: Served, path: str, media_type: str) -> None:
    response = requests.get(f"{served.url}/{path}", timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(media_type)


@pytest.mark.integration
def test_no_session_is_left_of_visitors_who_all_left_at_once(tmp_path: Path) -> None:
    async def visit(url: str) -> None:
        await asyncio.gather(*(Visitor(url, number).stay(0.5, 0.1) for number in range(3)))

    with served_page(tmp_path, code=FORGETFUL_PAGE) as served:
        asyncio.run(asyncio.wait_for(visit(served.url.replace("http", "ws")), 60))
        log = tmp_path / "page.log"
        wait_for(lambda: "sessions: 0" in log.read_text(), 20, "all sessions are closed")


def test_a_bug_in_the_page_is_shown_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    def script() -> None:
        from frontend.serve.application import show_page_error

        show_page_error(ZeroDivisionError("secret"))

    page = AppTest.from_function(script).run()
    (message,) = page.error
    assert "secret" not in message.value
    assert "secret" in caplog.text
