"""The page's script without a browser: Streamlit's own test runner, in front of a stub gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from frontend.settings import settings
from tests.frontend.stub_gateway import StubGateway, answer, problem, stub_gateway
from tests.running import ROOT, wait_for

URL = "https://pictures.example/cat.jpg"


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


def shown(page: AppTest) -> str:
    """All the HTML of the page."""
    assert not page.exception
    return "".join(element.proto.body for element in page.get("html"))


def settled(page: AppTest) -> str:
    """The page once every answer has come: each run looks again."""
    for _ in range(40):
        page.run()
        if 'class="g-waiting"' not in shown(page):
            break
    return shown(page)


def test_the_page_offers_the_directory_s_models(page: AppTest, gateway: StubGateway) -> None:
    page.run()
    (models,) = [one for one in page.pills if one.key == "chosen"]
    assert models.options == [title.replace("-", "\\-") for title in gateway.titles.values()]
    assert models.value == list(gateway.titles)
    assert "What is in your picture?" in shown(page)


def test_a_link_brings_models_options_and_picture_with_it(page: AppTest, gateway: StubGateway) -> None:
    page.query_params["models"] = "efficientnet-lite2,efficientnet-lite0,unknown"
    page.query_params["url"] = URL
    page.query_params["top"] = "2"
    page.query_params["lang"] = "fr"
    html = settled(page)
    assert html.count('class="g-verdict') == 2
    assert html.count('<li><span class="g-label"') == 4
    assert "réseau" in html
    assert {model for model, _ in gateway.predicts} == {"efficientnet-lite0", "efficientnet-lite2"}
    assert set(gateway.bodies) == {f'{{"url": "{URL}"}}'.encode()}


def test_running_again_asks_nothing_again(page: AppTest, gateway: StubGateway) -> None:
    page.query_params["url"] = URL
    settled(page)
    (slider,) = [one for one in page.slider if one.key == "top"]
    slider.set_value(9).run()
    assert shown(page).count('<li><span class="g-label"') == 27
    assert set(gateway.predicts.values()) == {1}


def test_a_score_below_the_threshold_is_not_sure(page: AppTest) -> None:
    page.query_params["url"] = URL
    page.query_params["sure"] = "95"
    assert settled(page).count("Not sure") == 3


def test_an_address_that_is_none_is_refused(page: AppTest, gateway: StubGateway) -> None:
    page.run()
    (address,) = page.text_input
    address.set_value("cat.jpg").run()
    assert "This is not a web address" in shown(page)
    assert gateway.bodies == []


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        pytest.param((200, {}, b"<html>"), "does not speak its language", id="HTML"),
        pytest.param(answer(401, {"code": 401, "message": "key"}), "does not accept the page’s API key", id="its key"),
        pytest.param((200, {"Content-Length": "5"}, b""), "cannot be reached", id="half an answer"),
    ],
)
def test_without_a_directory_the_page_says_why(
    page: AppTest, gateway: StubGateway, reply: tuple[int, dict[str, str], bytes], says: str
) -> None:
    gateway.directory = reply
    page.run()
    assert says in shown(page)
    gateway.directory = None
    (again,) = [one for one in page.button if one.key == "directory-again"]
    again.click().run()
    assert "What is in your picture?" in shown(page)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        pytest.param((200, {"Content-Type": "text/html"}, b"<h1>hello</h1>"), "does not speak its language", id="HTML"),
        pytest.param((200, {}, b""), "does not speak its language", id="nothing"),
        pytest.param((302, {"Location": "https://login.example/"}, b""), "answers with a redirect", id="a redirect"),
        pytest.param(
            answer(415, problem(415, "image_unsupported", "x"), Content_Type="application/problem+json"),
            "not a picture the models can read",
            id="a service's refusal",
        ),
        pytest.param(answer(500, problem(500, "odd", "Something new.")), "Something new.", id="a code nobody knows"),
    ],
)
def test_whatever_the_gateway_answers_the_page_says_one_clear_sentence(
    page: AppTest, gateway: StubGateway, reply: tuple[int, dict[str, str], bytes], says: str
) -> None:
    gateway.models["efficientnet-lite0"].first = [reply]
    page.query_params["models"] = "efficientnet-lite0"
    page.query_params["url"] = URL
    (sentence,) = re.findall('<p class="g-error">(.*?)</p>', settled(page))
    assert says in sentence
    assert 'class="g-request">Request ' in shown(page)


def test_a_link_s_words_are_shown_as_words(page: AppTest) -> None:
    page.query_params["url"] = "https://x.example/<script>alert(1)</script>"
    html = settled(page)
    assert "<script" not in html


def test_the_status_view_asks_every_model(page: AppTest, gateway: StubGateway) -> None:
    page.run()
    page.switch_page("views/status.py").run()
    wait_for(lambda: shown(page.run()).count('class="g-state g-state-awake"') == 3, 20, "every model is awake")
