"""Predictions as text to paste."""

from __future__ import annotations

from frontend.locales.texts import Texts
from frontend.results.comparison import table
from frontend.results.copied_text import as_text
from frontend.results.verdict import Thresholds
from tests.frontend.results.test_comparison import IMAGES, JOBS, MODELS

ROWS = table(IMAGES, MODELS, JOBS, Thresholds())
KNOWN = {model.name: model for model in MODELS}


def test_the_text_has_the_image_the_sentence_and_a_line_per_model() -> None:
    first, second, third = (as_text(row, KNOWN, Texts("en")).splitlines() for row in ROWS)
    assert first == [IMAGES[0].name, "Both models say cat", "A: cat 90%", "B: cat 90%"]
    assert second[-2:] == ["A: dog 20% (not sure)", "B: wolf 90%"]
    assert third == ["drei, ö.jpg", "A: failed", "B: …"]
