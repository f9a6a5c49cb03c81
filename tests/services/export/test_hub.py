"""Models of the Hugging Face Hub, from a stub of it on loopback: by catalog entry and by `add`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.harness.saved_models import LABELS, save_timm, save_transformers
from benchmarks.harness.stub_hub import REVISION, TOKEN, StubHub, stub_hub
from services.artifact import verified_receipt
from services.catalog import load_catalog
from tests.services.export.own_model import sha256, small_input
from tests.services.export.test_main import run_export

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of two models."""
    folder = tmp_path_factory.mktemp("saved")
    save_timm("resnet10t", folder / "timm", prepare=small_input)
    save_transformers("resnet", folder / "transformers", problem_type="multi_label_classification")
    (folder / "timm/README.md").write_text("# A model")
    (folder / "timm/pytorch_model.bin").write_bytes(b"a pickle")
    return folder


@pytest.fixture
def hub(saved: Path) -> Iterator[StubHub]:
    with stub_hub() as hub:
        hub.models = {"org/timm": saved / "timm", "org/transformers": saved / "transformers"}
        yield hub


def catalog_of(folder: Path, *names: str, revision: str = REVISION) -> Path:
    entries = {name.rpartition("/")[2]: {"weights": {"hub": name, "revision": revision}} for name in names}
    path = folder / "models.yaml"
    path.write_text(json.dumps({"models": entries}))
    return path


def variables(hub: StubHub, folder: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "cache"), "HF_HUB_DISABLE_XET": "1"}


def test_models_of_the_hub_are_exported_with_what_their_folders_say(tmp_path: Path, hub: StubHub, saved: Path) -> None:
    hub.gated.add("org/timm")
    catalog = catalog_of(tmp_path, "org/timm", "org/transformers")
    arguments = ("--all", f"--catalog={catalog}", f"--output={tmp_path / 'out'}")
    run = run_export(*arguments, HF_TOKEN=TOKEN, **variables(hub, tmp_path))
    assert run.returncode == 0, run.stderr
    timm, transformers = (verified_receipt(tmp_path / "out" / name, name) for name in ("timm", "transformers"))
    assert timm.source == {
        "hub": "org/timm",
        "revision": REVISION,
        "config.json": sha256(saved / "timm/config.json"),
        "model.safetensors": sha256(saved / "timm/model.safetensors"),
    }
    assert (timm.architecture, timm.scores, timm.preprocess.crop) == ("timm.resnet10t", "softmax", 64)
    assert transformers.architecture == "transformers.ResNetForImageClassification"
    assert (transformers.scores, transformers.labels) == ("sigmoid", 4)
    assert (tmp_path / "out/timm/labels.txt").read_text().split() == list(LABELS)
    assert not [path for path in hub.requests if "pytorch_model.bin" in path]

    # What was downloaded needs no network.
    hub.models.clear()
    shutil.rmtree(tmp_path / "out/timm")
    again = run_export(*arguments, **variables(hub, tmp_path) | {"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        pytest.param("org/absent", REVISION, "has no model org/absent, or it is private", id="absent"),
        pytest.param("org/gated", REVISION, "org/gated is gated: .* set HF_TOKEN", id="gated"),
        pytest.param("org/timm", "f" * 40, "org/timm has no commit ffff", id="revision"),
        pytest.param("org/pickle", REVISION, r"a pickle \(pytorch_model.bin\).*save_pretrained", id="pickle"),
        pytest.param("org/empty", REVISION, "org/empty has no config.json", id="no-config"),
        pytest.param("org/code", REVISION, "Python code in the folder, which would run when loaded", id="code"),
        pytest.param("org/detector", REVISION, "DetrForObjectDetection is not an image classifier", id="detector"),
    ],
)
def test_what_the_hub_does_not_give_is_told_in_a_sentence(
    tmp_path: Path, hub: StubHub, saved: Path, name: str, revision: str, message: str
) -> None:
    configs = {
        "pickle": (saved / "transformers/config.json").read_text(),
        "gated": "{}",
        "code": '{"auto_map": {}}',
        "detector": '{"model_type": "detr", "architectures": ["DetrForObjectDetection"]}',
    }
    for kind in (*configs, "empty"):
        folder = hub.models[f"org/{kind}"] = tmp_path / kind
        folder.mkdir()
        if kind in configs:
            (folder / "config.json").write_text(configs[kind])
    (tmp_path / "pickle/pytorch_model.bin").write_bytes(b"")
    hub.gated.add("org/gated")
    catalog = catalog_of(tmp_path, name, revision=revision)
    run = run_export("--all", f"--catalog={catalog}", f"--output={tmp_path / 'out'}", **variables(hub, tmp_path))
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1, run.stderr
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(run.stderr)


@pytest.mark.parametrize(
    "network",
    [
        pytest.param({"HF_HUB_OFFLINE": "1"}, id="offline"),
        # The client tries six times, within 23 s.
        pytest.param({"HF_ENDPOINT": "http://127.0.0.1:9"}, id="unreachable", marks=pytest.mark.thorough),
    ],
)
def test_a_hub_that_cannot_be_reached_is_told(tmp_path: Path, hub: StubHub, network: dict[str, str]) -> None:
    catalog = catalog_of(tmp_path, "org/timm")
    run = run_export("--all", f"--catalog={catalog}", **variables(hub, tmp_path) | network)
    assert run.returncode == 1
    assert "the Hub cannot be reached: is this machine online" in run.stderr
    assert run.stderr.count("\n") == 1


def test_add_writes_a_complete_entry_with_reasons_and_exports_it(tmp_path: Path, hub: StubHub) -> None:
    catalog = tmp_path / "models.yaml"
    catalog.write_text("# My models\nmodels:\n  first: {architecture: resnet18, weights: IMAGENET1K_V1} # kept\n")
    before = catalog.read_text()
    arguments = ("add", "hub:org/timm", f"--catalog={catalog}", f"--output={tmp_path / 'out'}")
    dry = run_export(*arguments, "--dry-run", **variables(hub, tmp_path))
    assert dry.returncode == 0, dry.stderr
    assert catalog.read_text() == before
    run = run_export(*arguments, **variables(hub, tmp_path))
    assert run.returncode == 0, run.stderr
    assert catalog.read_text().startswith(before)
    assert all(" # " in line for line in dry.stdout.splitlines()[1:])
    assert all(line.strip() in catalog.read_text() for line in dry.stdout.splitlines())
    model = load_catalog(catalog)["timm"]
    assert model.license == "apache-2.0"
    assert model.source == f"{hub.url}/org/timm"
    assert (model.scores, model.labels) == ("softmax", "weights")
    assert verified_receipt(tmp_path / "out/timm", "timm").about["license"] == "apache-2.0"
    assert f"make run MODELS=timm CATALOG={catalog}" in run.stderr
    again = run_export(*arguments, **variables(hub, tmp_path))
    assert again.returncode == 1
    assert "exists already; choose another name with --name" in again.stderr


def test_add_copies_a_checkpoint_and_its_labels_beside_the_catalog(tmp_path: Path, weights: Path) -> None:
    catalog, source = tmp_path / "own/models.yaml", tmp_path / "My flowers.pth"
    catalog.parent.mkdir()
    torch.save({"state_dict": torch.load(weights, weights_only=True)}, source)
    source.with_suffix(".txt").write_text("\n".join(LABELS) + "\n")
    run = run_export(
        "add",
        str(source),
        "--architecture=shufflenet_v2_x0_5",
        "--size=64",
        f"--catalog={catalog}",
        f"--output={tmp_path / 'out'}",
    )
    assert run.returncode == 0, run.stderr
    model = load_catalog(catalog)["my-flowers"]
    assert (model.labels, model.scores) == ("My flowers.txt", "softmax")
    assert (
        "preprocess: {resize: 73, crop: 64, interpolation: bilinear, mean: [0.485, 0.456, 0.406]" in catalog.read_text()
    )
    assert "CHECK: the usual one" in catalog.read_text()
    assert (catalog.parent / "My flowers.pth").read_bytes() == source.read_bytes()
    assert verified_receipt(tmp_path / "out/my-flowers", "my-flowers").labels == 4


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("absent.pth", "absent.pth does not exist; a model of the Hub is hub:", id="absent"),
        pytest.param("tensors.pth", "contains tensors alone; add `architecture`", id="no-architecture"),
        pytest.param("___", "no name can be made of it; give one with --name", id="no-name"),
    ],
)
def test_add_changes_nothing_if_the_model_cannot_be_used(tmp_path: Path, source: str, message: str) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "tensors.pth")
    catalog = tmp_path / "own/models.yaml"
    run = run_export("add", str(tmp_path / source), f"--catalog={catalog}", f"--output={tmp_path / 'out'}")
    assert run.returncode == 1
    assert message in run.stderr
    assert not catalog.exists()
