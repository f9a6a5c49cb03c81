"""What an artifact is made from: all of it, and nothing that belongs to other models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT, environment
from services.artifact import verified_receipt
from services.catalog import CatalogError, load_catalog
from services.catalog.imported_files import imported_files
from services.export.build_context import write_entry
from services.export.cache_key import CacheKey

MODEL = "efficientnet-lite0"
LABELLED = """
models:
  cats: {title: Cats, architecture: {callable: "nets.cats:network"}, weights: {file: WEIGHTS}, labels: LABELS,
         preprocess: {resize: 8, crop: 8, interpolation: bicubic, mean: [0, 0, 0], std: [1, 1, 1]}}
"""


def entry(tmp_path: Path, change: Callable[[str], str] = str) -> str:
    """The catalog of one model that comes out of our own, changed first."""
    path, out = tmp_path / "models.yaml", tmp_path / "out" / "models.yaml"
    path.write_text(change((ROOT / "services/models.yaml").read_text(encoding="utf-8")), encoding="utf-8")
    catalog = load_catalog(path)
    write_entry(catalog, catalog[MODEL], out)
    return out.read_text(encoding="utf-8")


def test_the_entry_alone_makes_the_same_artifact_as_the_whole_catalog(tmp_path: Path) -> None:
    entry(tmp_path)
    whole, alone = load_catalog(), load_catalog(tmp_path / "out" / "models.yaml")
    assert [model.name for model in alone] == [MODEL]
    assert (
        CacheKey.of(alone, alone[MODEL], "fp16", None).digest == CacheKey.of(whole, whole[MODEL], "fp16", None).digest
    )


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        pytest.param("title: ResNet-50", "title: ResNet fifty", True, id="another-model"),
        pytest.param(
            "title: EfficientNet-Lite0", "title: EfficientNet-Lite0\n    cpu: 4", True, id="how-its-service-runs"
        ),
        pytest.param("title: EfficientNet-Lite0", "title: Lite", False, id="its-title"),
        pytest.param("resize: 256", "resize: 260", False, id="its-preprocessing"),
        pytest.param(
            "title: EfficientNet-Lite0", "title: EfficientNet-Lite0\n    precision: int8", False, id="its-precision"
        ),
    ],
)
def test_only_what_the_artifact_depends_on_changes_the_entry(
    tmp_path: Path, before: str, after: str, same: bool
) -> None:
    assert (entry(tmp_path) == entry(tmp_path, lambda text: text.replace(before, after))) is same


def test_the_entrys_own_files_come_along(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/labels.txt").write_text("cat\n")
    (tmp_path / "cats.pth").write_bytes(b"weights")
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets/cats.py").write_text("from nets import layers")
    (tmp_path / "nets/layers.py").write_text("SIZE = 3")
    path = tmp_path / "models.yaml"
    path.write_text(LABELLED.replace("LABELS", "own/labels.txt").replace("WEIGHTS", "cats.pth"))
    catalog = load_catalog(path)
    write_entry(catalog, catalog["cats"], tmp_path / "out/models.yaml")
    assert (tmp_path / "out/own/labels.txt").read_text() == "cat\n"
    assert (tmp_path / "out/cats.pth").read_bytes() == b"weights"
    assert (tmp_path / "out/nets/layers.py").read_text() == "SIZE = 3"
    alone = load_catalog(tmp_path / "out/models.yaml")
    keys = [CacheKey.of(each, each["cats"], "fp16", None) for each in (catalog, alone)]
    assert keys[0] == keys[1]
    (tmp_path / "nets/layers.py").write_text("SIZE = 5")
    assert CacheKey.of(catalog, catalog["cats"], "fp16", None) != keys[0]


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_photos_come_along_where_int8_needs_them(tmp_path: Path, precision: str) -> None:
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration/1_goldfish.jpg").write_bytes(b"photo")
    entry(tmp_path, lambda text: text.replace("title: EfficientNet-Lite0", f"precision: {precision}"))
    photos = load_catalog(tmp_path / "out/models.yaml").calibration
    assert [photo.name for photo in photos.glob("*")] == ["1_goldfish.jpg"] * (precision == "int8")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param("absent.txt", "cats/labels: .*absent.txt does not exist", id="missing"),
        pytest.param("link.txt", "cats/labels: link.txt .* out of the catalog's folder", id="link"),
    ],
)
def test_files_that_no_build_could_see_are_refused(tmp_path: Path, labels: str, expected: str) -> None:
    (tmp_path / "labels.txt").touch()
    path = tmp_path / "catalog" / "models.yaml"
    path.parent.mkdir()
    (path.parent / "link.txt").symlink_to(tmp_path / "labels.txt")
    path.write_text(LABELLED.replace("LABELS", labels).replace("WEIGHTS", "cats.pth"))
    catalog = load_catalog(path)
    with pytest.raises(CatalogError, match=expected):
        write_entry(catalog, catalog["cats"], tmp_path / "out/models.yaml")


@pytest.mark.integration
def test_all_that_the_export_loads_is_among_the_files_it_is_given() -> None:
    program = (
        "import sys, services.export.__main__, services.export.exporter\n"
        "print(*(module.__file__ for name, module in sys.modules.items()"
        " if name.partition('.')[0] == 'services' and getattr(module, '__file__', None)))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) <= {str(path) for path in imported_files(ROOT, "services.export.__main__")}


@pytest.mark.integration
def test_a_model_with_code_beside_the_catalog_is_exported_from_its_build_context(tmp_path: Path) -> None:
    own, context = tmp_path / "own", tmp_path / "context"
    (own / "nets").mkdir(parents=True)
    (own / "nets/__init__.py").touch()
    (own / "nets/head.py").write_text("LABELS = 2\n")
    (own / "helpers.py").write_text(
        "import torch\nfrom nets import head\n\n\ndef network():\n"
        "    layers = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, head.LABELS)\n"
        "    return torch.nn.Sequential(*layers)\n"
    )
    import torch

    torch.save({"2.weight": torch.ones(2, 3), "2.bias": torch.zeros(2)}, own / "model.pth")
    (own / "models.yaml").write_text(
        "models: {own: {architecture: {callable: 'helpers:network'}, weights: {file: model.pth}, labels: [no, yes],"
        " preprocess: {resize: 8, crop: 8, interpolation: bilinear, mean: [0, 0, 0], std: [1, 1, 1]}}}"
    )
    for command in (
        ["services.export.build_context", "own", str(context), str(own / "models.yaml")],
        ["services.export", "own", f"--output={tmp_path / 'out'}"],
    ):
        folder = ROOT if command[0].endswith("context") else context
        run = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
    assert verified_receipt(tmp_path / "out/own", "own").labels == 2


def test_the_code_that_serves_is_not_among_them() -> None:
    names = {str(path.relative_to(ROOT)) for path in imported_files(ROOT, "services.export.__main__")}
    assert not names & {"services/classifier/app.py", "services/classifier/__main__.py", "services/http/server.py"}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param([], 2, "Usage: python -m services.export.build_context NAME FOLDER [CATALOG]", id="no-arguments"),
        pytest.param(["nope", "FOLDER"], 1, "has no model 'nope'; it has efficientnet-lite0", id="unknown-model"),
        pytest.param([MODEL, "/proc/nowhere"], 1, "/proc/nowhere", id="nowhere-to-write"),
    ],
)
def test_mistakes_are_told_in_a_sentence(tmp_path: Path, arguments: list[str], code: int, expected: str) -> None:
    words = [word.replace("FOLDER", str(tmp_path / "out")) for word in arguments]
    command = [sys.executable, "-m", "services.export.build_context", *words]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == code
    assert expected in run.stderr
    assert "Traceback" not in run.stderr
