"""The page's words: both languages, whole, and nobody else's words as markup."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from ruamel.yaml import YAML

from frontend.api.client import Answer, GatewayError, Prediction, Timings
from frontend.api.jobs import State
from frontend.locales.texts import LANGUAGES, TEXTS, Texts, language_of
from frontend.views import markup

ROOM = Path(__file__).parents[3] / "frontend"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_say_the_same_with_the_same_values(key: str) -> None:
    english, french = TEXTS[key]
    assert english
    assert french
    assert placeholders(english) == placeholders(french)


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in ROOM.rglob("*") if path.suffix in {".py", ".js", ".html"}
        if path.name != "texts.py"
    )  # fmt: skip
    asked = set(re.findall(r"say\(\s*\"(\w+)\"", code))
    assert asked <= TEXTS.keys()
    families = ("error_", "only_", "state_", "card_", "sample_", "refused_", "column_")
    spoken = {key for key in TEXTS if re.search(rf"\b{key}\b", code) or key.startswith(families)}
    assert TEXTS.keys() == spoken


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("fr-CA", "fr"),
        ("fr", "fr"),
        ("FR-fr", "fr"),
        ("en-GB", "en"),
        ("de", "en"),
        ("", "en"),
        (None, "en"),
        ("fro", "en"),
    ],
)
def test_the_language_is_the_browser_s_where_the_page_speaks_it(locale: str | None, language: str) -> None:
    assert language_of(locale) == language


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", ["69%", "42 ms", "1.3 s", "512 kB", "3.4 MB"]), ("fr", ["69 %", "42 ms", "1,3 s", "512 ko", "3,4 Mo"])],
)
def test_numbers_are_written_as_the_language_writes_them(language: str, said: list[str]) -> None:
    say = Texts("fr" if language == "fr" else "en")
    assert [say.percent(0.69), say.duration(42.2), say.duration(1300), say.size(512_000), say.size(3_400_000)] == said


@pytest.mark.parametrize(
    ("state", "asked", "said"),
    [
        pytest.param("waiting", 0.0, "Waiting for its turn …", id="in line"),
        pytest.param("waking", 0.0, "Asking …", id="about to be asked"),
        pytest.param("asking", 2.9, "Asking …", id="just asked"),
        pytest.param(
            "asking", 3.0, "No answer for more than 3 s: the model may be waking, or busy", id="asked a while ago"
        ),
        pytest.param("asking", 59.0, "No answer for more than 30 s: the model may be waking, or busy", id="long ago"),
    ],
)
def test_the_page_says_what_a_question_waits_for(state: State, asked: float, said: str) -> None:
    assert markup.waiting_words(state, asked, Texts("en")) == said


@pytest.mark.parametrize(
    ("woke", "total", "said"),
    [
        pytest.param(0.0, 20.0, "awake", id="awake"),
        pytest.param(4.2, 20.0, "was asleep: 4.2 s to wake", id="woken for it"),
        pytest.param(0.0, 9000.0, "", id="thought to be awake, and too slow to say"),
    ],
)
def test_a_model_is_called_awake_only_where_that_is_known(woke: float, total: float, said: str) -> None:
    assert markup.awake_words(woke, Timings(total, {"infer": 5.0}), Texts("en")) == said


def test_what_models_and_services_say_is_text_and_never_markup() -> None:
    say = Texts("en")
    answer = Answer((Prediction(HOSTILE, 0.1), Prediction(HOSTILE, 0.05)), Timings(3.0), HOSTILE)
    error = GatewayError("strange", HOSTILE, request_id=HOSTILE)
    pieces = [
        markup.card_head(HOSTILE, HOSTILE),
        markup.answer_body(answer, 5, 0.3, say),
        markup.answer_body(answer, 5, 0.0, say),
        markup.error_body(error, say),
        markup.facts([(HOSTILE, HOSTILE)]),
        markup.state_dot(HOSTILE, HOSTILE),
        markup.footer('http://x/"><script>', say),
    ]
    for piece in pieces:
        assert "<script" not in piece
        assert "<img" not in piece


def test_a_label_of_markdown_is_shown_letter_by_letter() -> None:
    assert markup.inert("**b** [x](javascript:1) :red[y] $z$") == (r"\*\*b\*\* \[x\]\(javascript\:1\) \:red\[y\] \$z\$")


def test_an_error_is_said_in_the_page_s_language_or_in_the_service_s_words() -> None:
    french = Texts("fr")
    assert markup.reason(GatewayError("overloaded", "Busy."), french).startswith("Le modèle est occupé")
    assert markup.reason(GatewayError("unheard_of", "Something new."), french) == "Something new."
    assert "418" in markup.reason(GatewayError("http_418", "teapot", status=418), french)


def codes(problem: type) -> set[str]:
    """The codes of a class of problems and of all its kinds, as far as services have them."""
    kinds = [kind for kind in problem.__subclasses__() if kind.__module__.startswith("services.")]
    return {getattr(problem, "code", "")}.union(*map(codes, kinds))


def test_whatever_a_service_may_say_has_words_in_both_languages() -> None:
    import services.classifier.problems
    import services.web.faults  # noqa: F401  # its kinds are those that count, as are the classifier's
    from services.web.problems import Problem

    # Nobody is there to read the one, and the others are named after the status of what they are.
    said = codes(Problem) - {"", "caller_gone"}
    assert {"image_unsupported", "queue_timeout", "stopping", "out_of_memory", "request_malformed"} <= said
    assert {f"error_{code}" for code in said} <= TEXTS.keys()


def codes_in(document: object) -> set[str]:
    """Every code in the API's document: a service's word, or the status of the gateway."""
    if isinstance(document, list):
        return set().union(*map(codes_in, document))
    if not isinstance(document, dict):
        return set()
    found = set().union(*map(codes_in, document.values()))
    code = document.get("code")
    return found | {f"http_{code}" if isinstance(code, int) else code} if isinstance(code, int | str) else found


def test_every_code_in_the_api_s_document_is_said_in_plain_words() -> None:
    document = YAML(typ="safe").load(ROOM.with_name("gateway") / "openapi.yaml")
    listed = codes_in(document)
    assert {"image_unsupported", "http_401", "http_504"} <= listed
    for code in listed:
        status = int(code.removeprefix("http_")) if code.startswith("http_") else 500
        sentences = [markup.reason(GatewayError(code, "In English.", status=status), Texts(one)) for one in LANGUAGES]
        assert len({*sentences, "In English."}) == 3, code
