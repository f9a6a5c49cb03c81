from __future__ import annotations

import pytest

from services.export.difference import Difference
from services.export.draft import completed
from services.export.network import Network
from services.export.precision import half_precision_difference


@pytest.mark.parametrize(
    ("half_precision", "precision"),
    [
        pytest.param(Difference(0.004, 0.03, 0), None, id="close"),
        pytest.param(Difference(0.02, 0.04, 0), "fp32", id="on-average"),
        pytest.param(Difference(0.004, 0.2, 0), "fp32", id="one-image"),
        pytest.param(Difference(float("nan"), float("nan"), 0), "fp32", id="not-numbers"),
    ],
)
def test_single_precision_is_drafted_where_half_precision_changes_scores(
    network: Network, half_precision: Difference, precision: str | None
) -> None:
    entry = completed({}, network, half_precision)
    assert (entry["precision"].value if "precision" in entry else None) == precision


def test_half_precision_is_measured_against_the_network_itself(network: Network) -> None:
    found = half_precision_difference(network, "own")
    assert 0 < found.mean <= found.worst < 0.2
