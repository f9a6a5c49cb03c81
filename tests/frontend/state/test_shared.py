"""What is shared between visitors: cached lists and cards, and what is learnt from responses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.harness.stub_gateway import StubGateway, response, stub_gateway
from frontend.api.errors import GatewayError
from frontend.images.image import Image
from frontend.settings import Settings
from frontend.state.shared import LATENCIES_KEPT, MAX_LABELS, SharedState

pytestmark = pytest.mark.integration
MODEL = "efficientnet-lite0"


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    with stub_gateway() as running:
        yield running


@pytest.fixture
def shared(gateway: StubGateway) -> SharedState:
    return SharedState(Settings(gateway.address, gateway.key))


def test_the_models_and_the_cards_are_cached(shared: SharedState, gateway: StubGateway) -> None:
    assert shared.models() == shared.models()
    assert shared.card(MODEL) == shared.card(MODEL)
    assert [path for _, path, _ in gateway.requests] == ["/v1/models", f"/v1/models/{MODEL}"]


def test_waking_a_model_learns_from_which_score_it_is_sure(shared: SharedState, gateway: StubGateway) -> None:
    assert MODEL not in shared.sure_from
    shared.readiness.wake(MODEL).result(10)
    assert shared.sure_from[MODEL] == 0.4
    gateway.models[MODEL].listed = {"sure_from": 0.8}
    image = Image("id", "cat.jpg", b"an image")
    shared.predict(MODEL, image)
    assert shared.sure_from[MODEL] == 0.4
    shared.card(MODEL)["version"] = "before"
    shared.predict(MODEL, image)
    assert shared.sure_from[MODEL] == 0.8


@pytest.mark.parametrize("measured", [None, "0.5", 0, 7, True])
def test_an_invalid_bound_is_none(shared: SharedState, gateway: StubGateway, measured: object) -> None:
    gateway.models[MODEL].listed = {"sure_from": measured}
    shared.readiness.wake(MODEL).result(10)
    assert MODEL not in shared.sure_from


def test_a_directory_that_fails_later_does_not_hide_the_models(
    shared: SharedState, gateway: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frontend.state.shared.MODELS_CACHED_FOR", 0.0)
    known = shared.models()
    gateway.directory = response(503, {"code": 503, "message": "no healthy upstream"})
    assert shared.models() == known
    with pytest.raises(GatewayError):
        SharedState(shared.settings).models()


def test_a_prediction_leaves_only_its_latency_and_the_model_s_readiness(shared: SharedState) -> None:
    for number in range(LATENCIES_KEPT + 1):
        found = shared.predict(MODEL, Image(str(number), "cat.jpg", b"an image"))
        assert len(found.predictions) == MAX_LABELS
    assert len(shared.latencies(MODEL)) == LATENCIES_KEPT
    assert shared.readiness.state(MODEL).state == "ready"


def test_an_unavailable_model_is_no_longer_ready(shared: SharedState, gateway: StubGateway) -> None:
    shared.readiness.mark_ready(MODEL)
    gateway.models[MODEL].broken = response(503, {"code": 503, "message": "no healthy upstream"})
    with pytest.raises(GatewayError):
        shared.predict(MODEL, Image("id", "cat.jpg", b"an image"))
    assert shared.readiness.state(MODEL).state == "unknown"
