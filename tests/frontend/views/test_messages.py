"""What the page says about errors and pending jobs."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from benchmarks.harness.process import ROOT
from frontend.api.client import Timings
from frontend.api.errors import GatewayError
from frontend.api.jobs import State
from frontend.locales.texts import LANGUAGES, Texts
from frontend.views.messages import error_message, pending_message, readiness_note, waking_message

TEXTS = Texts("en")


@pytest.mark.parametrize(
    ("state", "elapsed", "expected"),
    [
        pytest.param("queued", 0.0, TEXTS("queued"), id="queued"),
        pytest.param("waking", 0.0, TEXTS("running"), id="about to be sent"),
        pytest.param("running", 2.9, TEXTS("running"), id="just sent"),
        pytest.param("running", 3.0, TEXTS("running_long", seconds=3), id="sent a while ago"),
        pytest.param("running", 59.0, TEXTS("running_long", seconds=30), id="sent long ago"),
    ],
)
def test_a_pending_job_says_what_it_waits_for(state: State, elapsed: float, expected: str) -> None:
    assert pending_message(state, elapsed, TEXTS) == expected


def test_a_starting_model_says_how_long_that_takes_if_it_is_known() -> None:
    assert waking_message(None, TEXTS) == TEXTS("waking_unknown")
    assert waking_message(12.4, TEXTS) == TEXTS("waking_usually", seconds=12)


@pytest.mark.parametrize(
    ("wake_seconds", "total", "expected"),
    [
        pytest.param(0.0, 20.0, TEXTS("was_ready"), id="ready"),
        pytest.param(4.2, 20.0, TEXTS("cold_start", seconds="4.2"), id="cold start"),
        pytest.param(0.3, 20.0, TEXTS("was_ready"), id="a quick wake"),
        pytest.param(0.0, 9000.0, "", id="too slow to tell"),
    ],
)
def test_a_model_is_called_ready_only_if_it_was(wake_seconds: float, total: float, expected: str) -> None:
    assert readiness_note(wake_seconds, Timings(total, {"infer": 5.0}), TEXTS) == expected


def test_an_unknown_error_keeps_the_service_s_sentence() -> None:
    french = Texts("fr")
    assert error_message(GatewayError("overloaded", "Busy."), french) == french("error_overloaded")
    assert error_message(GatewayError("unheard_of", "Something new."), french) == "Something new."
    assert "418" in error_message(GatewayError("http_418", "teapot", status=418), french)


def codes(problem: type[Any]) -> set[str]:
    """The codes of a problem class and its subclasses in `services`."""
    subclasses = [each for each in problem.__subclasses__() if each.__module__.startswith("services.")]
    return {getattr(problem, "code", "")}.union(*map(codes, subclasses))


def codes_in(document: object) -> set[str]:
    """Every code in the API's document: a service's, or `http_` and the gateway's status."""
    if isinstance(document, list):
        return set().union(*map(codes_in, document))
    if not isinstance(document, dict):
        return set()
    found = set().union(*map(codes_in, document.values()))
    code = document.get("code")
    return found | {f"http_{code}" if isinstance(code, int) else code} if isinstance(code, int | str) else found


def assert_translated(code: str) -> None:
    status = int(code.removeprefix("http_")) if code.startswith("http_") else 500
    error = GatewayError(code, "In English.", status=status)
    assert len({"In English.", *(error_message(error, Texts(language)) for language in LANGUAGES)}) == 3, code


def test_every_code_of_the_services_has_a_text_in_both_languages() -> None:
    import services.classifier.problems
    import services.problems  # noqa: F401  # defines subclasses of Problem
    from services.problems import Problem

    found = codes(Problem) - {"", "caller_gone"}  # nobody is left to read the latter
    assert {"image_unsupported", "queue_timeout", "stopping", "out_of_memory", "request_malformed"} <= found
    for code in found:
        assert_translated(code)


def test_every_code_in_the_document_has_a_text_in_both_languages() -> None:
    document: dict[str, Any] = YAML(typ="safe").load(ROOT / "gateway" / "openapi.yaml")
    found = codes_in(document)
    assert {"image_unsupported", "http_401", "http_504"} <= found
    for code in found:
        assert_translated(code)
