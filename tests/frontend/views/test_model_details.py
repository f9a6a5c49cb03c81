"""What is shown of a model's card."""

from __future__ import annotations

from typing import Any

import pytest

from frontend.locales.texts import Texts
from frontend.views.model_details import card_facts

TEXTS = Texts("en")


def test_a_card_says_first_what_an_operator_asks() -> None:
    evaluation = {"top1": 0.781, "images": 200, "sure_from": 0.62}
    card = {
        "version": "0a1b",
        "precision": "int8",
        "sure_from": 0.62,
        "labels": 9,
        "receipt": {"evaluation": evaluation},
    }
    assert card_facts(card, TEXTS) == [
        ("Version", "0a1b"),
        ("Precision", "int8"),
        ("Accuracy", "78% of 200 labelled images"),
        ("Sure from", "62%"),
        ("Labels", "9"),
    ]


@pytest.mark.parametrize("receipt", [None, "text", {}, {"evaluation": None}, {"evaluation": {"top1": "high"}}])
def test_what_a_card_lacks_is_left_out(receipt: Any) -> None:
    assert card_facts({"version": "0a1b", "receipt": receipt}, TEXTS) == [("Version", "0a1b")]
