"""The page's script in Streamlit's test runner, without a browser, in front of a fake gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from benchmarks.harness.process import ROOT, wait_for
from benchmarks.harness.stub_gateway import Response, StubGateway, problem, response, stub_gateway
from frontend.locales.texts import Texts
from frontend.settings import settings

pytestmark = pytest.mark.integration
URL = "https://images.example/cat.jpg"
TEXTS = Texts("en")


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubGateway]:
    with stub_gateway() as running:
        monkeypatch.setenv("API_GATEWAY", running.address)
        monkeypatch.setenv("API_KEY", running.key)
        settings.cache_clear()
        st.cache_resource.clear()
        yield running
        settings.cache_clear()
        st.cache_resource.clear()


@pytest.fixture
def page(gateway: StubGateway) -> AppTest:
    return AppTest.from_file(str(ROOT / "frontend" / "app.py"), default_timeout=20)


def html(page: AppTest) -> str:
    """All HTML elements of the page."""
    assert not page.exception
    return "".join(element.proto.body for element in page.get("html"))


def errors(page: AppTest) -> list[str]:
    """The error messages, without Markdown's escapes."""
    return [error.value.replace("\\", "") for error in page.error]


def ready_badges(page: AppTest) -> int:
    return sum(f"{TEXTS('state_ready')}]" in element.value for element in page.markdown)


def settled(page: AppTest) -> str:
    """The HTML once no prediction is pending."""
    for _ in range(40):
        page.run()
        if 'class="g-waiting"' not in html(page):
            break
    return html(page)


def test_the_models_are_those_of_the_directory(page: AppTest, gateway: StubGateway) -> None:
    page.run()
    (models,) = [one for one in page.pills if one.key == "chosen"]
    assert models.options == [title.replace("-", "\\-") for title in gateway.titles.values()]
    assert models.value == list(gateway.titles)
    assert TEXTS("welcome_title") in html(page)


def test_a_link_sets_models_options_and_image(page: AppTest, gateway: StubGateway) -> None:
    page.query_params["models"] = "efficientnet-lite2,efficientnet-lite0,unknown"
    page.query_params["url"] = URL
    page.query_params["top"] = "2"
    page.query_params["lang"] = "fr"
    found = settled(page)
    assert found.count('class="g-verdict') == 2
    assert found.count('<li><span class="g-label"') == 4
    assert "réseau" in found
    assert {model for model, _ in gateway.predicts} == {"efficientnet-lite0", "efficientnet-lite2"}
    assert set(gateway.bodies) == {f'{{"url": "{URL}"}}'.encode()}


def test_another_run_sends_nothing_again(page: AppTest, gateway: StubGateway) -> None:
    page.query_params["url"] = URL
    settled(page)
    (slider,) = [one for one in page.slider if one.key == "top"]
    slider.set_value(9).run()
    assert html(page).count('<li><span class="g-label"') == 27
    assert set(gateway.predicts.values()) == {1}


def test_a_score_below_the_threshold_is_not_sure(page: AppTest) -> None:
    page.query_params["url"] = URL
    page.query_params["sure"] = "95"
    assert settled(page).count(TEXTS("not_sure")) == 3


def test_each_model_is_sure_from_its_measured_score(page: AppTest, gateway: StubGateway) -> None:
    gateway.models["efficientnet-lite0"].listed = {"sure_from": 0.9}
    gateway.models["efficientnet-lite1"].listed = {"sure_from": None}
    page.query_params["url"] = URL
    assert settled(page).count(TEXTS("not_sure")) == 1
    (measured,) = page.toggle
    measured.set_value(False).run()
    assert html(page).count(TEXTS("not_sure")) == 0
    (sure,) = [one for one in page.slider if one.key == "sure"]
    sure.set_value(95).run()
    assert html(page).count(TEXTS("not_sure")) == 3


def test_anything_but_a_url_is_refused(page: AppTest, gateway: StubGateway) -> None:
    page.run()
    (address,) = page.text_input
    address.set_value("cat.jpg").run()
    assert errors(page) == [TEXTS("refused_url")]
    assert gateway.bodies == []


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param((200, {}, b"<html>"), "not_understood", id="HTML"),
        pytest.param(response(401, {"code": 401, "message": "key"}), "http_401", id="a wrong key"),
        pytest.param((200, {"Content-Length": "5"}, b""), "unreachable", id="half a response"),
    ],
)
def test_without_a_directory_the_page_says_why(page: AppTest, gateway: StubGateway, reply: Response, code: str) -> None:
    gateway.directory = reply
    page.run()
    assert errors(page) == [TEXTS(f"error_{code}")]
    gateway.directory = None
    (again,) = [one for one in page.button if one.key == "directory-again"]
    again.click().run()
    assert TEXTS("welcome_title") in html(page)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        pytest.param((200, {"Content-Type": "text/html"}, b"<h1>hello</h1>"), TEXTS("error_not_understood"), id="HTML"),
        pytest.param((200, {}, b""), TEXTS("error_not_understood"), id="empty"),
        pytest.param((302, {"Location": "https://login.example/"}, b""), TEXTS("error_redirected"), id="a redirect"),
        pytest.param(
            response(415, problem(415, "image_unsupported", "x"), Content_Type="application/problem+json"),
            TEXTS("error_image_unsupported"),
            id="a service's problem",
        ),
        pytest.param(response(500, problem(500, "odd", "Something new.")), "Something new.", id="an unknown code"),
    ],
)
def test_whatever_the_gateway_returns_the_page_shows_one_sentence_and_the_request_id(
    page: AppTest, gateway: StubGateway, reply: Response, message: str
) -> None:
    gateway.models["efficientnet-lite0"].first = [reply]
    page.query_params["models"] = "efficientnet-lite0"
    page.query_params["url"] = URL
    settled(page)
    assert errors(page) == [message]
    assert any(caption.value.startswith("Request ") for caption in page.caption)


def test_a_link_s_url_is_shown_as_text(page: AppTest) -> None:
    page.query_params["url"] = "https://x.example/<script>alert(1)</script>"
    found = settled(page)
    assert "<script" not in found


def test_the_status_view_wakes_every_model(page: AppTest, gateway: StubGateway) -> None:
    page.run()
    page.switch_page("views/status.py").run()
    wait_for(lambda: ready_badges(page.run()) == 3, 20, "every model is ready")
