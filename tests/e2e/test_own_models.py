"""`make run` with a catalog of one's own, at the gateway and on the page: 1 to 21,841 labels, gray, non-square."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.harness.browser import DESK, PHONE
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, end_process
from frontend.locales.texts import Texts
from tests.browsers import PATIENCE_MS, give_files, needs_chromium
from tests.e2e.conftest import Product, started_product, wait_until_ready
from tests.services.export.own_models import MODELS
from tests.strict_schema import schema_errors

pytestmark = pytest.mark.integration
TEXTS = Texts("en")
# The page requests this many labels at most.
PAGE_LABELS = 10


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, own_models: Path) -> Iterator[Product]:
    """The system with the tests' own models; the first names a sample image."""
    artifacts = own_models.with_name("out")
    running = started_product(tmp_path_factory.mktemp("own"), f"--catalog={own_models}", f"--artifacts={artifacts}")
    running.models = tuple(MODELS)
    try:
        wait_until_ready(running)
        yield running
    finally:
        end_process(running.process)


def get(own: Product, path: str) -> requests.Response:
    response = requests.get(own.gateway + path, headers={"x-api-key": own.key}, timeout=10)
    assert response.status_code == 200, response.text
    return response


def predicted(own: Product, model: str, image: bytes, **options: str) -> dict[str, float]:
    response = own.predict(model, image, None, **options)
    assert response.status_code == 200, response.text
    return {row["label"]: row["score"] for row in response.json()}


def test_the_list_and_the_cards_say_what_each_model_is_and_conform_to_the_document(own: Product) -> None:
    document = get(own, "/v1/openapi.json").json()
    listed = get(own, "/v1/models").json()
    assert schema_errors(document, "Models", listed) == []
    assert [model["name"] for model in listed["models"]] == list(MODELS)
    for model in listed["models"]:
        card, expected = get(own, model["card"]).json(), MODELS[model["name"]]
        assert schema_errors(document, "Card", card) == []
        height, width = expected.size
        for said in (model, card):
            assert said["title"] == expected.title
            assert (said["labels"], said["scores"]) == (expected.count, expected.scores)
            assert (said["input"]["width"], said["input"]["height"]) == (width, height)


@pytest.mark.parametrize("name", MODELS)
def test_any_number_of_labels_may_be_asked_for(own: Product, photos: list[Photo], name: str) -> None:
    count = MODELS[name].count
    for top_k in (1, 5, 10, 30_000):
        assert len(predicted(own, name, photos[0].data, top_k=str(top_k))) == min(top_k, count)
    assert len(predicted(own, name, photos[0].data)) == min(5, count)


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_of_the_models_kind_unless_the_request_asks_for_another(
    own: Product, photos: list[Photo], name: str
) -> None:
    found = predicted(own, name, photos[0].data, top_k="30000")
    assert found == predicted(own, name, photos[0].data, top_k="30000", function_to_apply=MODELS[name].scores)
    assert all(0 <= score <= 1 for score in found.values())
    shares = predicted(own, name, photos[0].data, top_k="30000", function_to_apply="softmax")
    assert sum(shares.values()) == pytest.approx(1, abs=0.02)
    outputs = predicted(own, name, photos[0].data, top_k="30000", function_to_apply="none")
    assert list(outputs) == list(found)


def test_the_printed_curl_line_sends_the_models_sample(own: Product, photos: list[Photo]) -> None:
    run = subprocess.run([*own.curl, "--silent"], cwd=ROOT, capture_output=True, timeout=30, check=True)
    (prediction,) = json.loads(run.stdout)
    assert prediction["label"] == "ripe"
    assert 0 < prediction["score"] < 1
    assert [prediction] == own.predict("ripe", photos[0].data).json()


@pytest.fixture(scope="module", params=[DESK, PHONE], ids=["desk", "phone"])
def page(
    request: pytest.FixtureRequest, chromium: Browser, own: Product, photos: list[Photo]
) -> Iterator[tuple[Page, list[str]]]:
    """The page with one photo and the predictions of all models, and the errors in the browser's console."""
    context = chromium.new_context(viewport=request.param, locale="en-GB")
    opened, errors = context.new_page(), list[str]()
    opened.set_default_timeout(PATIENCE_MS)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.goto(f"{own.page}/?top={PAGE_LABELS}&models={','.join(MODELS)}")
    expect(opened.locator(".g-welcome")).to_be_visible()
    give_files(opened, photos[0].path)
    expect(opened.locator(".g-verdict")).to_have_count(len(MODELS))
    yield opened, errors
    context.close()


def card_of(page: Page, name: str) -> Locator:
    return page.locator(f".st-key-card-{name}")


@needs_chromium
@pytest.mark.parametrize("name", MODELS)
def test_the_page_shows_each_models_labels_with_its_scores(
    page: tuple[Page, list[str]], own: Product, photos: list[Photo], name: str
) -> None:
    card, model = card_of(page[0], name), MODELS[name]
    found = predicted(own, name, photos[0].data, top_k=str(PAGE_LABELS))
    expect(card.locator("h2")).to_have_text(model.title)
    assert card.locator(".g-label").all_inner_texts() == list(found)
    assert card.locator(".g-percent").all_inner_texts() == [TEXTS.percent(score) for score in found.values()]
    if model.count < PAGE_LABELS:
        few = "few_labels_one" if model.count == 1 else "few_labels"
        expect(card.locator(".g-few")).to_have_text(TEXTS(few, count=model.count))
    best, score = next(iter(found.items()))
    verdict = card.locator(".g-verdict").inner_text().replace("\n", " ")
    if model.scores == "sigmoid":
        applying = ", ".join(label for label, score in found.items() if score >= 0.5)
        assert verdict == f"{applying or TEXTS('no_label_applies')} {TEXTS('applies_from', percent='50%')}"
    elif score < 0.3:
        assert verdict == f"{TEXTS('not_sure')} {TEXTS('best_guess', label=best, percent='30%')}"
    else:
        assert verdict == best


@needs_chromium
@pytest.mark.parametrize("name", MODELS)
def test_a_models_details_and_code_suit_it(
    page: tuple[Page, list[str]], own: Product, photos: list[Photo], name: str
) -> None:
    opened, model = page[0], MODELS[name]
    card_of(opened, name).get_by_role("button", name="Details and code").click()
    details = opened.get_by_test_id("stPopoverBody")
    expect(details).to_contain_text(TEXTS(f"honest_{model.scores}"))
    height, width = model.size
    expect(details.locator(".g-facts")).to_contain_text(f"{width} × {height}")
    details.get_by_role("tab", name="Use from code").click()
    code = details.locator("code")
    expect(code).to_have_count(3)
    labels = min(PAGE_LABELS, model.count)
    for text, asked in zip(
        code.all_inner_texts(), (f"top_k={labels}'", f'"top_k": {labels}}}', f"top_k={labels},"), strict=True
    ):
        assert asked in text
    command = ["bash", "-c", code.first.inner_text()]
    variables = {**os.environ, "API_KEY": own.key}
    folder = photos[0].path.parent
    run = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(run.stdout) == own.predict(name, photos[0].data, top_k=str(labels)).json()
    opened.keyboard.press("Escape")
    expect(details).to_have_count(0)


@needs_chromium
def test_the_page_offers_the_samples_of_the_entries_only(page: tuple[Page, list[str]], photos: list[Photo]) -> None:
    samples = page[0].locator("[data-at=gallery] img")
    expect(samples).to_have_count(1)
    served = page[0].request.get(urljoin(page[0].url, samples.get_attribute("src") or ""))
    assert served.body() == photos[0].data


@needs_chromium
def test_the_page_fits_and_shows_no_error(page: tuple[Page, list[str]], own: Product) -> None:
    opened, errors = page
    assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    clipped = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
    assert opened.locator(".g-label, .g-percent, .g-verdict, .g-card-head h2").evaluate_all(clipped) == []
    expect(opened.get_by_test_id("stException")).to_have_count(0)
    expect(opened.get_by_role("alert")).to_have_count(0)
    assert errors == []
    assert "Traceback" not in (own.state / "page.log").read_text(encoding="utf-8")
