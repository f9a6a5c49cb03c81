from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.harness.machine import Machine
from benchmarks.harness.process import ROOT
from benchmarks.quantisation import RESULTS, Variant, accuracy, report


def test_accuracy_is_the_share_of_correct_labels() -> None:
    assert accuracy([1, 2, 3, 4], [1, 2, 3, 9]) == 0.75
    with pytest.raises(ValueError, match="argument"):
        accuracy([1], [1, 2])


def test_the_published_table_is_what_the_program_makes_of_the_figures() -> None:
    figures: dict[str, Any] = json.loads(RESULTS.read_text())
    variants = [Variant(**one) for one in figures["variants"]]
    text = report(variants, Machine(**figures["machine"]), figures["photos"])
    page = (ROOT / "docs" / "quantisation.md").read_text("utf-8")
    assert text.partition("\n\n")[0] in page
