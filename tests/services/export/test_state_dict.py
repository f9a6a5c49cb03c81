from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import torchvision

from services.catalog import Model, load_catalog
from services.export.errors import NetworkError
from services.export.state_dict import load_state_dict
from tests.services.export.own_model import LABELS, catalog_file, local_file


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


@pytest.fixture
def model(tmp_path: Path, weights: Path) -> Model:
    return load_catalog(catalog_file(tmp_path, local_file(weights)))["own"]


def module(outputs: int = len(LABELS)) -> torch.nn.Module:
    built: torch.nn.Module = torchvision.models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=outputs)
    return built


def test_a_pickle_that_would_run_code_is_refused_without_running_it(tmp_path: Path, model: Model) -> None:
    canary, path = tmp_path / "canary", tmp_path / "malicious.pth"
    torch.save({"weight": Malicious(canary)}, path)
    with pytest.raises(NetworkError, match="not a torch state_dict of plain tensors"):
        load_state_dict(model, module(), path)
    assert not canary.exists()


def test_a_file_in_another_format_is_refused(tmp_path: Path, model: Model) -> None:
    with pytest.raises(NetworkError, match="not a torch state_dict"):
        load_state_dict(model, module(), tmp_path / "labels.txt")


def test_weights_of_another_shape_are_refused_with_the_first_difference(model: Model, weights: Path) -> None:
    with pytest.raises(NetworkError, match="do not fit the architecture: size mismatch for fc"):
        load_state_dict(model, module(len(LABELS) - 1), weights)
