from __future__ import annotations

from pathlib import Path

import pytest
import torch

from services.catalog import load_catalog
from services.catalog.entry import DottedCallable
from services.export.errors import NetworkError
from services.export.sources.network import built_network
from tests.services.export.own_model import catalog_file, local_file

pytestmark = pytest.mark.integration  # importing torch takes seconds


def test_a_network_with_another_number_of_outputs_than_labels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flatten.pth"
    torch.save({}, path)
    catalog = load_catalog(catalog_file(tmp_path, local_file(path)))
    model = catalog["own"].model_copy(update={"architecture": DottedCallable(callable="torch.nn:Flatten")})
    with pytest.raises(NetworkError, match=r"the output's shape is \[1, 12288\], but there are 4 labels"):
        built_network(catalog, model, path)


def test_a_network_that_cannot_take_the_image_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "conv.pth"
    torch.save(torch.nn.Conv2d(1, 2, 3).state_dict(), path)
    catalog = load_catalog(catalog_file(tmp_path, local_file(path)))
    dotted = DottedCallable(
        callable="torch.nn:Conv2d", arguments={"in_channels": 1, "out_channels": 2, "kernel_size": 3}
    )
    model = catalog["own"].model_copy(update={"architecture": dotted})
    with pytest.raises(NetworkError, match=r"cannot run on an input of \[1, 3, 64, 64\]: Given groups=1") as caught:
        built_network(catalog, model, path)
    assert "\n" not in str(caught.value)


def test_a_network_whose_outputs_are_not_numbers_is_refused(tmp_path: Path, weights: Path) -> None:
    state = torch.load(weights, weights_only=True)
    state["fc.bias"][0] = torch.nan
    path = tmp_path / "diverged.pth"
    torch.save(state, path)
    catalog = load_catalog(catalog_file(tmp_path, local_file(path)))
    with pytest.raises(NetworkError, match=r"outputs are not finite numbers.*take an earlier checkpoint"):
        built_network(catalog, catalog["own"], path)
