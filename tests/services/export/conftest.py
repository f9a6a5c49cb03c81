"""Fixtures for the tests of the export. Torch is imported where it is used, because that takes seconds."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.catalog import load_catalog
from tests.services.export.own_model import LABELS, catalog_file, local_file

if TYPE_CHECKING:
    from services.export.sources.network import Network


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state_dict of torchvision's smallest ShuffleNet with four outputs."""
    import torch
    import torchvision

    torch.manual_seed(0)
    module = torchvision.models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=len(LABELS))
    with torch.no_grad():
        for _ in range(10):  # sets the statistics of the normalisation layers
            module(torch.rand(16, 3, 64, 64))
        module.fc.weight.mul_(200)  # moves the scores away from ties
    path = tmp_path_factory.mktemp("weights") / "own.pth"
    torch.save(module.state_dict(), path)
    return path


@pytest.fixture
def network(tmp_path: Path, weights: Path) -> Network:
    """The network with these weights."""
    from services.export.sources.network import built_network

    catalog = load_catalog(catalog_file(tmp_path, local_file(weights)))
    return built_network(catalog, catalog["own"], weights)


@pytest.fixture
def tiny_network(network: Network) -> Network:
    """The network with a module that is converted in less time, and whose scores are no ties."""
    import torch

    from tests.services.export.tiny_network import TinyNetwork, random_weights

    module = TinyNetwork()
    module.load_state_dict(random_weights(3))
    with torch.no_grad():
        module.get_submodule("4").get_parameter("weight").mul_(50)
    return replace(network, module=module.eval())


@pytest.fixture(scope="session")
def weights_url(weights: Path) -> Iterator[str]:
    """The URL of a server for the folder with the weights."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(weights.parent))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
