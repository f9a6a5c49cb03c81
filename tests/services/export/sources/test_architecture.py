from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from services.catalog import Model, load_catalog
from services.catalog.entry import DottedCallable, TimmModel
from services.export.errors import NetworkError
from services.export.sources.architecture import architecture
from tests.services.export.own_model import catalog_file, local_file

pytestmark = pytest.mark.integration  # importing torch takes seconds


@pytest.fixture
def model(tmp_path: Path, weights: Path) -> Model:
    return load_catalog(catalog_file(tmp_path, local_file(weights)))["own"]


def test_a_callable_gets_its_arguments(model: Model) -> None:
    dotted = DottedCallable(callable="torch.nn:Linear", arguments={"in_features": 2, "out_features": 3})
    module = architecture(model.model_copy(update={"architecture": dotted}), outputs=3, folder=Path("absent"))
    assert [tuple(parameter.shape) for parameter in module.parameters()] == [(3, 2), (3,)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("no.such.module:Net", "cannot be imported", id="no-module"),
        pytest.param("torch.nn:NoSuchClass", "cannot be imported", id="no-class"),
        pytest.param("torch:__version__", "is not callable", id="not-callable"),
        pytest.param("torch:Size", "is a Size, not a torch module", id="not-a-module"),
        pytest.param("torch:os.system", "is imported from another module", id="module-of-a-module"),
        pytest.param("torch.hub:urlopen", "is imported from another module", id="function-of-python"),
        pytest.param("torch.nn:Linear", "cannot be built", id="missing-arguments"),
    ],
)
def test_a_callable_that_makes_no_module_is_refused(model: Model, name: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        architecture(
            model.model_copy(update={"architecture": DottedCallable(callable=name)}), outputs=3, folder=Path("absent")
        )


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        pytest.param("shufflenet_v2_05", "did you mean shufflenet_v2_x0_5?", id="torchvision"),
        pytest.param(TimmModel(timm="resnt50"), "did you mean resnet50", id="timm"),
    ],
)
def test_a_similar_architecture_is_suggested(model: Model, name: object, suggestion: str) -> None:
    with pytest.raises(NetworkError) as caught:
        architecture(model.model_copy(update={"architecture": name}), outputs=3, folder=Path("absent"))
    assert suggestion in str(caught.value)


def test_a_module_beside_the_catalog_is_imported(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "guichet_test_parts.py").write_text("import torch\nhead = torch.nn.Flatten\n")
    (tmp_path / "guichet_test_own.py").write_text("from guichet_test_parts import head\n")
    own = DottedCallable(callable="guichet_test_own:head")
    assert isinstance(architecture(model.model_copy(update={"architecture": own}), 3, tmp_path), torch.nn.Flatten)
    assert sys.path[-1] == str(tmp_path)


def test_a_module_beside_the_catalog_does_not_hide_another(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "torchvision.py").write_text("raise SystemError")
    own = DottedCallable(callable="torchvision:head")
    with pytest.raises(NetworkError, match=r"is .*__init__\.py, not the module in .*; rename the latter"):
        architecture(model.model_copy(update={"architecture": own}), 3, tmp_path)
