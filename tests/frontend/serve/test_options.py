"""Streamlit's options."""

from frontend.serve.options import streamlit_options
from frontend.settings import Settings


def test_the_options_are_those_that_the_page_relies_on() -> None:
    found = streamlit_options(Settings("http://gateway", "key", host="0.0.0.0", port=8080))
    assert found["server.enableXsrfProtection"] is True
    assert found["client.showErrorDetails"] == "none"
    assert found["browser.gatherUsageStats"] is False
    assert (found["server.address"], found["server.port"]) == ("0.0.0.0", 8080)
