from __future__ import annotations

import pytest
import torch

from services.export.add.draft import completed
from services.export.precision import HalfPrecision, measured_half_precision
from services.export.sources.network import Network

pytestmark = pytest.mark.integration  # importing torch takes seconds


@pytest.mark.parametrize("suffices", [True, False])
def test_single_precision_is_drafted_where_half_precision_does_not_suffice(network: Network, suffices: bool) -> None:
    entry = completed({}, network, HalfPrecision(0.02, suffices))
    assert ("precision" in entry) is not suffices
    if not suffices:
        assert entry["precision"].value == "fp32"
        assert "0.020" in entry["precision"].reason


@pytest.mark.parametrize(
    ("factor", "added", "suffices"),
    [
        pytest.param(0.01, 0.0, True, id="small-weights"),
        pytest.param(1.0, 1000.0, False, id="weights-that-differ-in-digits-that-half-precision-does-not-have"),
    ],
)
def test_half_precision_suffices_where_it_changes_no_score(
    tiny_network: Network, factor: float, added: float, suffices: bool
) -> None:
    with torch.no_grad():
        tiny_network.module.get_submodule("4").get_parameter("weight").mul_(factor).add_(added)
    found = measured_half_precision(tiny_network, "own")
    assert found.suffices is suffices
    assert (found.difference < 0.01) is suffices
