"""The page's HTML: text from outside is escaped."""

from __future__ import annotations

from typing import get_args

from frontend.api.client import Model, Prediction, PredictResponse, ScoreKind, Timings
from frontend.locales.texts import Texts
from frontend.results.agreement import agreement
from frontend.results.verdict import Thresholds
from frontend.views import markup

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_labels_and_errors_are_text_and_never_markup() -> None:
    texts = Texts("en")
    response = PredictResponse((Prediction(HOSTILE, 0.1), Prediction(HOSTILE, 0.05)), Timings(3.0), HOSTILE)
    models = [Model(HOSTILE, HOSTILE, 2, scores, precision=HOSTILE) for scores in get_args(ScoreKind)]
    pieces = [
        markup.card_head(HOSTILE, HOSTILE),
        *(markup.predictions(response, model, 5, Thresholds(0.05, 0.05), texts) for model in models),
        markup.predictions(response, models[0], 5, Thresholds(), texts),
        markup.welcome(models, texts),
        markup.agreement_row(agreement({}), HOSTILE, [HOSTILE]),
        markup.facts([(HOSTILE, HOSTILE)]),
        markup.waiting(HOSTILE),
        markup.latency_plot([1.0], HOSTILE),
        markup.footer('http://x/"><script>', texts),
    ]
    for piece in pieces:
        assert "<script" not in piece
        assert "<img" not in piece


def test_markdown_is_escaped() -> None:
    assert markup.escape_markdown("**b** [x](javascript:1) :red[y] $z$") == (
        r"\*\*b\*\* \[x\]\(javascript\:1\) \:red\[y\] \$z\$"
    )


PREDICTIONS = PredictResponse(
    (Prediction("cat", 0.8), Prediction("sofa", 0.6), Prediction("dog", 0.1)), Timings(3.0), "r1"
)


def test_a_sigmoid_model_has_no_best_label_but_all_that_apply() -> None:
    texts, model = Texts("en"), Model("a", "A", 3, "sigmoid")
    assert "cat, sofa <span" in markup.predictions(PREDICTIONS, model, 5, Thresholds(), texts)
    nothing = markup.predictions(PREDICTIONS, model, 5, Thresholds(applies=0.9), texts)
    assert texts("no_label_applies") in nothing
    assert texts("not_sure") not in nothing


def test_raw_outputs_are_no_percentages() -> None:
    shown = markup.predictions(PREDICTIONS, Model("a", "A", 9, "none"), 2, Thresholds(), Texts("fr"))
    assert "0,80</span>" in shown
    assert shown.count("<li><span") == 2 + 1  # two labels and the network's time


def test_a_model_with_fewer_labels_than_asked_says_so() -> None:
    texts = Texts("en")
    few = texts("few_labels", count=3)
    assert few in markup.predictions(PREDICTIONS, Model("a", "A", 3), 5, Thresholds(), texts)
    assert few not in markup.predictions(PREDICTIONS, Model("a", "A", 3), 3, Thresholds(), texts)


def test_a_model_is_described_by_what_the_directory_lists() -> None:
    texts = Texts("en")
    assert markup.model_line(Model("a", "A", 1000, input=(224, 224), precision="fp16"), texts) == (
        "1,000 labels · 224 × 224 · fp16"
    )
    assert markup.model_line(Model("a", "A", 1, "sigmoid"), texts) == "1 label · independent scores"
    assert markup.model_line(Model("a", "A"), texts) == ""
