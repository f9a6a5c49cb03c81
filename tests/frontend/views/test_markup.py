"""The page's HTML: text from outside is escaped."""

from __future__ import annotations

from frontend.api.client import Prediction, PredictResponse, Timings
from frontend.locales.texts import Texts
from frontend.views import markup

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_labels_and_errors_are_text_and_never_markup() -> None:
    texts = Texts("en")
    response = PredictResponse((Prediction(HOSTILE, 0.1), Prediction(HOSTILE, 0.05)), Timings(3.0), HOSTILE)
    pieces = [
        markup.card_head(HOSTILE, HOSTILE),
        markup.predictions(response, 5, 0.3, texts),
        markup.predictions(response, 5, 0.0, texts),
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
