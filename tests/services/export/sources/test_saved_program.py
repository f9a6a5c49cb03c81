from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from services.catalog import Catalog, load_catalog
from services.classifier.engine import Engine
from services.export.convert import openvino_model, save, torch_logits
from services.export.errors import NetworkError
from services.export.sources.network import Network, built_network
from tests.services.export.own_model import catalog_file, local_file

pytestmark = pytest.mark.integration  # converts networks, which takes seconds


@pytest.fixture(scope="session", params=["torchscript", "torch.export"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    module.append(torch.nn.Linear(8, 4)).eval()
    path, example = tmp_path_factory.mktemp("program") / "program.pt", torch.zeros(2, 3, 64, 64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if request.param == "torchscript":
            torch.jit.save(torch.jit.trace(module, example), str(path))  # type: ignore[no-untyped-call]
        else:
            batch = ({0: torch.export.Dim("batch")},)
            torch.export.save(torch.export.export(module, (example,), dynamic_shapes=batch), path)
    return path


def program_catalog(folder: Path, program: Path) -> Catalog:
    path = catalog_file(folder, local_file(program))
    path.write_text(path.read_text().replace("    architecture: shufflenet_v2_x0_5\n", ""))
    return load_catalog(path)


def test_a_file_with_the_whole_network_needs_no_architecture(tmp_path: Path, program: Path) -> None:
    catalog = program_catalog(tmp_path, program)
    network: Network = built_network(catalog, catalog["own"], program)
    save(openvino_model(network, "own"), tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    engine = Engine(tmp_path / "model.xml", streams=1, properties={"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(engine.logits(pixels), torch_logits(network, pixels), atol=5e-3)


def test_an_architecture_beside_the_whole_network_is_refused(tmp_path: Path, program: Path) -> None:
    catalog = load_catalog(catalog_file(tmp_path, local_file(program)))
    with pytest.raises(NetworkError, match="contains the whole network; remove `architecture`"):
        built_network(catalog, catalog["own"], program)


def test_tensors_alone_need_an_architecture(tmp_path: Path, weights: Path) -> None:
    catalog = program_catalog(tmp_path, weights)
    with pytest.raises(NetworkError, match="contains tensors alone; add `architecture`"):
        built_network(catalog, catalog["own"], weights)


def test_a_damaged_program_is_refused_in_one_sentence(tmp_path: Path, program: Path) -> None:
    damaged = tmp_path / "damaged.pt"
    with zipfile.ZipFile(program) as whole, zipfile.ZipFile(damaged, "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, b"")
    catalog = program_catalog(tmp_path, damaged)
    with pytest.raises(NetworkError, match="that torch cannot load") as caught:
        built_network(catalog, catalog["own"], damaged)
    assert "\n" not in str(caught.value)
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
