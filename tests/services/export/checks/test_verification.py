from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from services.artifact import ScoreFunction
from services.classifier.engine import Engine
from services.classifier.predictions import SCORES
from services.export.checks.sample_images import SampleImages, generated_images
from services.export.checks.verification import measured_agreement, require_agreement
from services.export.convert import openvino_model, save, torch_logits
from services.export.errors import Disagreement
from services.export.sources.network import Network

pytestmark = pytest.mark.integration  # converts networks, which takes seconds


@pytest.fixture
def network(tiny_network: Network) -> Network:
    return tiny_network


def test_a_converted_model_with_other_predictions_is_refused(tmp_path: Path, network: Network) -> None:
    save(openvino_model(network, "own"), tmp_path)
    with torch.no_grad():
        network.module.get_submodule("4").get_parameter("weight").neg_()
    agreement = measured_agreement(network, tmp_path / "model.xml", generated_images(network.preprocess))
    with pytest.raises(Disagreement, match=r"own: as fp16 it agrees with torch on .*% of 24 images; at least 98% are"):
        require_agreement("own", "fp16", agreement)


def test_labelled_photos_bound_the_loss_of_accuracy(tmp_path: Path, network: Network) -> None:
    save(openvino_model(network, "own"), tmp_path)
    pixels = generated_images(network.preprocess).pixels
    labels = [int(torch_logits(network, image).argmax()) for image in pixels]
    exact = measured_agreement(network, tmp_path / "model.xml", SampleImages(pixels, photos=True, labels=labels))
    assert (exact.torch_accuracy, exact.accuracy) == (1.0, exact.top1)
    require_agreement("own", "int8", exact)
    with pytest.raises(Disagreement, match=r"its accuracy is 95.0% on 24 photos, torch's 100.0%; at most 0.5%"):
        require_agreement("own", "int8", replace(exact, accuracy=0.95, top1=0.95))


@pytest.mark.parametrize("scores", ["softmax", "sigmoid", "none"])
def test_networks_are_compared_by_their_own_function(tmp_path: Path, network: Network, scores: ScoreFunction) -> None:
    network = replace(network, scores=scores)
    images = generated_images(network.preprocess)
    save(openvino_model(network, "own"), tmp_path)
    agreement = measured_agreement(network, tmp_path / "model.xml", images)
    require_agreement("own", "fp16", agreement)
    assert (agreement.same_labels is not None) == (scores == "sigmoid")
    outputs = [SCORES[scores](torch_logits(network, pixels)) for pixels in images.pixels]
    engine = Engine(tmp_path / "model.xml", streams=1)
    served = [SCORES[scores](engine.logits(pixels)) for pixels in images.pixels]
    assert agreement.largest_score_difference == round(float(np.abs(np.subtract(outputs, served)).max()), 3)


def test_a_single_label_with_other_scores_is_refused(tmp_path: Path, network: Network) -> None:
    ripe = torch.nn.Linear(len(network.labels), 1)
    torch.nn.init.constant_(ripe.weight, 1)
    module = torch.nn.Sequential(network.module, ripe).eval()
    single = replace(network, module=module, labels=("ripe",), scores="sigmoid")
    save(openvino_model(single, "own"), tmp_path)
    images = generated_images(network.preprocess)
    require_agreement("own", "fp16", measured_agreement(single, tmp_path / "model.xml", images))
    with torch.no_grad():
        ripe.weight.neg_()
    with pytest.raises(Disagreement, match=r"on which labels score above 0\.5 in"):
        require_agreement("own", "fp16", measured_agreement(single, tmp_path / "model.xml", images))
