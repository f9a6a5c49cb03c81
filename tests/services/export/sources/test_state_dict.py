from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from services.catalog import Model, load_catalog
from services.export.errors import NetworkError
from services.export.sources.checkpoint import State
from services.export.sources.state_dict import load_state_dict
from tests.services.export.own_model import LABELS, catalog_file, local_file

pytestmark = pytest.mark.integration  # importing torch takes seconds


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
    with pytest.raises(NetworkError, match="Python objects beside the tensors, which would run code"):
        load_state_dict(model, module(), path)
    assert not canary.exists()


def test_a_file_in_another_format_is_refused(tmp_path: Path, model: Model) -> None:
    with pytest.raises(NetworkError, match="a format that the export does not read"):
        load_state_dict(model, module(), tmp_path / "labels.txt")


def test_weights_of_another_shape_are_refused_with_the_first_difference(model: Model, weights: Path) -> None:
    with pytest.raises(NetworkError, match=r"they have 4 outputs \(fc.weight\), the architecture has 3; give 4 labels"):
        load_state_dict(model, module(len(LABELS) - 1), weights)


def prefixed(state: State, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("saved", "note"),
    [
        pytest.param(lambda state: state, "", id="plain"),
        pytest.param(lambda state: {"state_dict": state, "epoch": 3}, "'state_dict'", id="state_dict"),
        pytest.param(lambda state: {"model_state_dict": state, "loss": 0.1}, "'model_state_dict'", id="tutorial"),
        pytest.param(
            lambda state: {"model": {}, "model_ema": {"n_averaged": torch.tensor(1), **prefixed(state, "module.")}},
            "'model_ema', names without the prefix 'module.'",
            id="averaged",
        ),
        pytest.param(lambda state: {"state_dict": prefixed(state, "model.")}, "the prefix 'model.'", id="lightning"),
        pytest.param(
            lambda state: {"state_dict": prefixed(state, "model.") | {"loss.weight": torch.ones(4)}},
            r"the prefix 'model.', without the tensors of other parts (loss.weight)",
            id="lightning-with-a-loss",
        ),
        pytest.param(lambda state: prefixed(state, "module._orig_mod."), "'module._orig_mod.'", id="compiled"),
    ],
)
def test_what_trainers_write_is_loaded_and_told(
    tmp_path: Path, model: Model, weights: Path, saved: Callable[[State], object], note: str
) -> None:
    state = torch.load(weights, weights_only=True)
    path, loaded = tmp_path / "checkpoint.pth", module()
    torch.save(saved(state), path)
    said = load_state_dict(model, loaded, path)
    assert note in said
    assert bool(note) == bool(said)
    assert torch.equal(loaded.state_dict()["fc.weight"], state["fc.weight"])


def test_safetensors_are_loaded(tmp_path: Path, model: Model, weights: Path) -> None:
    state = torch.load(weights, weights_only=True)
    path, loaded = tmp_path / "weights.safetensors", module()
    torch.save(state, path)  # the content counts, not the name
    assert not load_state_dict(model, module(), path)
    save_file(prefixed(state, "net."), path)
    assert "'net.'" in load_state_dict(model, loaded, path)
    assert torch.equal(loaded.state_dict()["fc.weight"], state["fc.weight"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(NetworkError, match="damaged or truncated safetensors"):
        load_state_dict(model, module(), path)


def test_only_the_first_names_that_do_not_fit_are_told(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "other.pth"
    other = torchvision.models.get_model("squeezenet1_1", weights=None, num_classes=len(LABELS))
    torch.save(other.state_dict(), path)
    with pytest.raises(NetworkError, match=r"missing from the file; features\.0\.weight") as caught:
        load_state_dict(model, module(), path)
    assert "more are not in the architecture" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_module_is_refused_with_the_lines_that_save_its_tensors(
    tmp_path: Path, model: Model, zipped: bool
) -> None:
    path = tmp_path / "whole.pth"
    torch.save(module(), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(NetworkError, match=r'a whole pickled module.*torch.save\(load.state_dict\(\), "weights.pth"\)'):
        load_state_dict(model, module(), path)


def test_a_checkpoint_without_a_known_state_dict_is_refused_with_its_keys(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "odd.pth"
    torch.save({"epoch": 1, "network": {"weight": torch.zeros(1)}}, path)
    with pytest.raises(NetworkError, match="it has epoch, network"):
        load_state_dict(model, module(), path)


def test_tensors_too_many_are_refused_with_what_to_do(tmp_path: Path, model: Model, weights: Path) -> None:
    path = tmp_path / "more.pth"
    torch.save(torch.load(weights, weights_only=True) | {"head.weight": torch.zeros(2)}, path)
    with pytest.raises(NetworkError, match=r"head\.weight is not in the architecture; delete them"):
        load_state_dict(model, module(), path)


@pytest.mark.filterwarnings("ignore:.*quantize")
@pytest.mark.parametrize("key", ["", "model"])
def test_quantised_weights_are_refused_with_what_to_do(tmp_path: Path, model: Model, weights: Path, key: str) -> None:
    path, state = tmp_path / "quantised.pth", torch.load(weights, weights_only=True)
    state["fc.weight"] = torch.quantize_per_tensor(state["fc.weight"], 0.01, 0, torch.qint8)
    torch.save({key: state} if key else state, path)
    with pytest.raises(NetworkError, match=r"that torch has quantised; .*`precision: int8`"):
        load_state_dict(model, module(), path)
