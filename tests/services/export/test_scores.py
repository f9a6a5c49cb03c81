from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from services.artifact import ScoreFunction
from services.export.checks.sample_images import generated_images
from services.export.convert import openvino_model
from services.export.errors import NetworkError
from services.export.scores import require_logits
from services.export.sources.network import Network

pytestmark = pytest.mark.integration  # converts networks, which takes seconds


@pytest.fixture
def network(tiny_network: Network) -> Network:
    return tiny_network


def check(network: Network, scores: ScoreFunction, last: torch.nn.Module | None = None) -> None:
    """Check the network, with a last layer appended, as the export does."""
    module = torch.nn.Sequential(network.module, last) if last else network.module
    changed = replace(network, module=module.eval(), scores=scores)
    require_logits("own", changed, openvino_model(changed, "own"), generated_images(network.preprocess).pixels)


@pytest.mark.parametrize("scores", ["softmax", "sigmoid"])
@pytest.mark.parametrize("last", [torch.nn.Softmax(1), torch.nn.Sigmoid()], ids=["softmax", "sigmoid"])
def test_a_network_that_ends_in_scores_is_refused_with_the_remedy(
    network: Network, scores: ScoreFunction, last: torch.nn.Module
) -> None:
    with pytest.raises(NetworkError, match=r"own: .*write `scores: none`"):
        check(network, scores, last)
    check(network, "none", last)


@pytest.mark.parametrize("scores", ["softmax", "sigmoid", "none"])
def test_logits_suit_every_function(network: Network, scores: ScoreFunction) -> None:
    check(network, scores)
    check(network, scores, torch.nn.LogSoftmax(1))


def test_softmax_of_a_single_label_is_refused(tmp_path: Path, network: Network) -> None:
    with pytest.raises(NetworkError, match=r"own: .*write `scores: sigmoid`"):
        check(replace(network, labels=("ripe",)), "softmax")
