"""What an artifact is made from: all of it, and nothing that belongs to other models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.catalog import CatalogError, load_catalog
from services.export.build_context import imported, write_entry
from services.export.cache_key import CacheKey
from tests.running import ROOT

MODEL = "efficientnet-lite0"
LABELLED = """
defaults: {preprocess: weights, labels: LABELS, precision: fp16, cpu: 1, memory: 512Mi, concurrency: 8,
           min_instances: 0, max_instances: 4, deadline: 60, quota: null}
models:
  cats: {title: Cats, architecture: resnet18, weights: {file: WEIGHTS, sha256: DIGEST},
         preprocess: {resize: 8, crop: 8, interpolation: bicubic, mean: [0, 0, 0], std: [1, 1, 1]}}
""".replace("DIGEST", "a" * 64)


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
        pytest.param("concurrency: 8", "concurrency: 9", True, id="how-services-run"),
        pytest.param("memory: 512Mi", "memory: 1Gi", True, id="how-large-they-are"),
        pytest.param("title: EfficientNet-Lite0", "title: Lite", False, id="its-title"),
        pytest.param("resize: 256", "resize: 260", False, id="its-preprocessing"),
        pytest.param("precision: fp16", "precision: int8", False, id="its-precision"),
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
    path = tmp_path / "models.yaml"
    path.write_text(LABELLED.replace("LABELS", "own/labels.txt").replace("WEIGHTS", "cats.pth"))
    catalog = load_catalog(path)
    write_entry(catalog, catalog["cats"], tmp_path / "out/models.yaml")
    assert (tmp_path / "out/own/labels.txt").read_text() == "cat\n"
    assert (tmp_path / "out/cats.pth").read_bytes() == b"weights"


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_photos_come_along_where_int8_needs_them(tmp_path: Path, precision: str) -> None:
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration/1_goldfish.jpg").write_bytes(b"photo")
    entry(tmp_path, lambda text: text.replace("precision: fp16", f"precision: {precision}"))
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
    assert set(run.stdout.split()) <= {str(path) for path in imported(ROOT, "services.export.__main__")}


def test_the_code_that_serves_is_not_among_them() -> None:
    names = {str(path.relative_to(ROOT)) for path in imported(ROOT, "services.export.__main__")}
    assert not names & {"services/classifier/app.py", "services/classifier/__main__.py", "services/http/server.py"}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param([], 2, "Usage: python -m services.export.build_context NAME FOLDER", id="no-arguments"),
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
