from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from services.export.convert import openvino_model, save, torch_logits
from services.export.errors import Disagreement
from services.export.network import Network
from services.export.sample_images import SampleImages, generated_images
from services.export.verification import measured_agreement, require_agreement


def test_a_converted_model_with_other_predictions_is_refused(tmp_path: Path, network: Network) -> None:
    save(openvino_model(network, "own"), tmp_path)
    with torch.no_grad():
        network.module.get_submodule("fc").get_parameter("weight").neg_()
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
