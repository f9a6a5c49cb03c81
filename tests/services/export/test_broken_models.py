"""Broken files, and files of other kinds, are explained in one sentence each; the other models are still exported."""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from benchmarks.harness.stub_hub import REVISION, StubHub, stub_hub
from services.artifact import verified_receipt
from tests.services.export.own_model import LABELS
from tests.services.export.test_main import run_export

pytestmark = pytest.mark.integration

GOOD = {
    "architecture": "shufflenet_v2_x0_5",
    "weights": {"file": "good.pth"},
    "preprocess": {"resize": 64, "crop": 64, "interpolation": "bilinear", "mean": [0.5], "std": [0.5]},
    "labels": LABELS,
}
Write = Callable[[Path, dict[str, torch.Tensor]], object]


@dataclass(frozen=True)
class Broken:
    """A file that `write` makes from a good state_dict, and the sentence that should explain it."""

    name: str
    write: Write
    sentence: str


def content(data: bytes) -> Write:
    return lambda path, _: path.write_bytes(data)


def saved(change: Callable[[dict[str, torch.Tensor]], object]) -> Write:
    return lambda path, state: torch.save(change(state), path)


def archive(*members: str) -> Write:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as found:
        for member in members:
            found.writestr(member, b"")
    return content(file.getvalue())


def truncated(path: Path, state: dict[str, torch.Tensor]) -> None:
    save_file(state, path)
    path.write_bytes(path.read_bytes()[:-1000])


def adapter(path: Path, _: object) -> None:
    save_file({"base_model.model.fc.lora_A.weight": torch.zeros(2, 2)}, path)


def whole(path: Path, _: object) -> None:
    torch.save(torchvision.models.get_model("squeezenet1_1"), path)


def folder(*names: str) -> Write:
    def write(path: Path, _: object) -> None:
        path.mkdir()
        for name in names:
            (path / name).touch()

    return write


FILES = {
    "empty": Broken("a.pth", content(b""), "an empty file: copy or download it again"),
    "html": Broken("a.pth", content(b"<!doctype html><html>"), "an HTML page: the download needs another address"),
    "git-lfs": Broken("a.pth", content(b"version https://git-lfs.github.com/spec/v1\n"), "run `git lfs pull`"),
    "pickle": Broken(
        "a.pkl", content(pickle.dumps({"weight": [1]})), "torch did not write: save them again with torch"
    ),
    "whole-module": Broken("a.pth", whole, "a whole pickled module.*torch.save\\(load.state_dict"),
    "optimizer": Broken(
        "a.pth", saved(lambda _: {"state": {}, "param_groups": []}), "of an optimizer, not of a network; save them"
    ),
    "checkpoint-without-model": Broken(
        "a.pth", saved(lambda _: {"optimizer": {"state": {}}, "epoch": 3}), "it has optimizer, epoch"
    ),
    "tensor": Broken("a.pth", saved(lambda _: torch.zeros(3)), "a Tensor, not a state_dict; save them again"),
    "zip": Broken("a.zip", archive("notes.txt"), "a zip archive that torch did not write: save them again"),
    "mar": Broken("a.mar", archive("MAR-INF/MANIFEST.json"), "a TorchServe archive .*name the weights file inside it"),
    "keras": Broken("a.keras", archive("config.json", "model.weights.h5"), "a Keras model: export it where"),
    "saved-model": Broken("a", folder("saved_model.pb"), "a TensorFlow SavedModel: .*tf2onnx.convert"),
    "tflite": Broken("a.tflite", content(b"\x1c\0\0\0TFL3" + bytes(100)), "TensorFlow Lite .*export .* to ONNX"),
    "tensorflow-graph": Broken("a.pb", content(b"\x0a\x20graph"), "a TensorFlow graph: export the SavedModel"),
    "core-ml": Broken("a.mlmodel", content(b"\x08\x07\x12\x20\x0a\x05image"), "a Core ML model: use the weights"),
    "core-ml-package": Broken("a.mlpackage", folder("Manifest.json"), "a Core ML model: use the weights"),
    "gguf": Broken("a.gguf", content(b"GGUF\x03\0\0\0"), "a GGUF file.*use an image classifier"),
    "openvino": Broken("a.xml", content(b'<?xml version="1.0"?><net>'), "perhaps an OpenVINO model: name the weights"),
    "truncated-safetensors": Broken("a.safetensors", truncated, "truncated safetensors file; copy or download"),
    "truncated-header": Broken("a.safetensors", content(b"\xff\x0f\0\0\0\0\0\0{"), "truncated safetensors file: copy"),
    "lora": Broken("a.safetensors", adapter, "a LoRA adapter without its model .*merge_and_unload"),
    "other-architecture": Broken(
        "a.pth",
        saved(lambda _: torchvision.models.get_model("squeezenet1_1", num_classes=4).state_dict()),
        "do not fit the architecture: .* more are missing from the file; .* more are not in the architecture",
    ),
    "other-labels": Broken(
        "a.pth",
        saved(lambda state: state | {"fc.weight": torch.zeros(7, 1024), "fc.bias": torch.zeros(7)}),
        "they have 7 outputs .*give 7 labels",
    ),
    "more-tensors": Broken(
        "a.pth", saved(lambda state: state | {"loss.weight": torch.zeros(2)}), "delete them from the state_dict if"
    ),
    "joblib": Broken("a.joblib", content(pickle.dumps({"coef": 1.0}, protocol=4)), "a pickle that torch did not write"),
    "pickle-named-safetensors": Broken("a.safetensors", content(pickle.dumps([1])), "a pickle that torch did not"),
    "list": Broken("a.pth", saved(lambda state: [state]), "a list, not a state_dict; save them again"),
    "engine": Broken("a.engine", content(b"ftrt" + bytes(50)), "in a format that the export does not read: save them"),
    "quantised": Broken(
        "a.pth",
        saved(lambda state: state | {"fc._packed_params._packed_params": torch.zeros(2)}),
        "that torch has quantised; save the network before",
    ),
    "objects": Broken(
        "a.pth", saved(lambda state: {"model": state, "path": Path("runs")}), r'torch.save\(load\["model"\], "weights'
    ),
    "diverged": Broken(
        "a.pth", saved(lambda state: state | {"fc.bias": torch.full((4,), torch.nan)}), "take an earlier checkpoint"
    ),
    "missing": Broken("a.pth", lambda *_: None, "does not exist"),
}
CLASSIFIER = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "id2label": {"0": "a", "1": "b"}}
# The names and contents of the files on the Hub, and the sentence.
HUB: dict[str, tuple[dict[str, Any], str]] = {
    "adapter": ({"adapter_config.json": {}, "adapter_model.safetensors": {}}, "if it is an adapter .*merge it"),
    "detector": (
        {"config.json": CLASSIFIER | {"architectures": ["DetrForObjectDetection"]}},
        "DetrForObjectDetection is not an image classifier: take a model",
    ),
    "text-model": (
        {"config.json": CLASSIFIER | {"architectures": ["BertForSequenceClassification"]}},
        "BertForSequenceClassification is not an image classifier: take a model",
    ),
    "without-weights": ({"config.json": CLASSIFIER}, "has no model.safetensors: save the model with save_pretrained"),
    "pickle-on-the-hub": (
        {"config.json": CLASSIFIER, "pytorch_model.bin": {}},
        r"a pickle \(pytorch_model.bin\).*save them as safetensors",
    ),
    "code": ({"config.json": {"auto_map": {}}}, "Python code in the folder.*use a `callable`"),
    "embedding": (
        {"config.json": {"architecture": "resnet10t", "num_classes": 0}, "model.safetensors": {}},
        "has no outputs: it is not a classifier",
    ),
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StubHub]:
    with stub_hub() as hub:
        for name, (files, _) in HUB.items():
            hub.models[f"org/{name}"] = tmp_path / "hub" / name
            hub.models[f"org/{name}"].mkdir(parents=True)
            for file, fields in files.items():
                (hub.models[f"org/{name}"] / file).write_text(json.dumps(fields))
        yield hub


def test_each_is_explained_in_one_sentence_with_a_remedy_and_the_good_one_is_exported(
    tmp_path: Path, hub: StubHub, weights: Path
) -> None:
    state = torch.load(weights, weights_only=True)
    torch.save(state, tmp_path / "good.pth")
    entries: dict[str, Any] = {}
    expected: dict[str, str] = {}
    for name, broken in FILES.items():
        (tmp_path / name).mkdir()
        broken.write(tmp_path / name / broken.name, state)
        entries[name] = GOOD | {"weights": {"file": f"{name}/{broken.name}"}}
        expected[name] = broken.sentence
    for name, (_, sentence) in HUB.items():
        entries[name] = {"weights": {"hub": f"org/{name}", "revision": REVISION}}
        expected[name] = sentence
    catalog = tmp_path / "models.yaml"
    catalog.write_text(json.dumps({"models": entries | {"good": GOOD}}))

    run = run_export(
        "--all",
        f"--catalog={catalog}",
        f"--output={tmp_path / 'out'}",
        HF_ENDPOINT=hub.url,
        HF_HOME=str(tmp_path / "cache"),
    )

    assert run.returncode == 1
    lines = run.stderr.splitlines()
    assert lines.pop().startswith("good: exported as fp16")
    assert verified_receipt(tmp_path / "out" / "good", "good").labels == len(LABELS)
    for name, line in zip(expected, lines, strict=True):
        assert name in line
        assert re.search(expected[name], line), f"{name}: {line}"
        assert len(line) < 450
