"""The page's own routes and its error message."""

from __future__ import annotations

import pytest
import requests
from streamlit.testing.v1 import AppTest

from frontend.images.image import sample_files
from frontend.settings import SAMPLES
from tests.frontend.conftest import Served


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


def test_a_bug_in_the_page_is_shown_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    def script() -> None:
        from frontend.serve.application import show_page_error

        show_page_error(ZeroDivisionError("secret"))

    page = AppTest.from_function(script).run()
    (message,) = page.error
    assert "secret" not in message.value
    assert "secret" in caplog.text
