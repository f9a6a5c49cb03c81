from __future__ import annotations

from pathlib import Path

import pytest

from services.artifact import FILES, Receipt, stored_file, write_receipt
from services.catalog import load_catalog
from services.export.cache_key import CacheKey, is_current
from services.preprocess import Preprocess
from tests.services.export.own_model import catalog_file, local_file

pytestmark = pytest.mark.integration  # the weights are made with torch, whose import starts a process


@pytest.fixture
def catalog_path(tmp_path: Path, weights: Path) -> Path:
    return catalog_file(tmp_path, local_file(weights))


def key(catalog_path: Path, precision: str = "fp16", calibration: Path | None = None) -> CacheKey:
    catalog = load_catalog(catalog_path)
    return CacheKey.of(catalog, catalog["own"], precision, calibration)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        pytest.param("title: Own", "title: Other", False, id="title"),
        pytest.param("resize: 72", "resize: 80", False, id="preprocessing"),
        pytest.param("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", False, id="architecture"),
        pytest.param("    title: Own", "    concurrency: 9\n    title: Own", True, id="how-the-service-runs"),
    ],
)
def test_the_digest_changes_with_what_the_artifact_is_made_from(
    catalog_path: Path, old: str, new: str, same: bool
) -> None:
    before = key(catalog_path).digest
    text = catalog_path.read_text()
    assert old in text
    catalog_path.write_text(text.replace(old, new))
    assert (key(catalog_path).digest == before) is same


@pytest.mark.parametrize(
    ("labels", "usual"), [("labels.txt", "softmax"), ("[ant, bee]", "softmax"), ("[ant]", "sigmoid")]
)
def test_the_digest_changes_with_scores_that_are_not_the_default(catalog_path: Path, labels: str, usual: str) -> None:
    text = catalog_path.read_text().replace("labels.txt", labels)
    digests = []
    for scores in ("", f"\n    scores: {usual}", "\n    scores: none"):
        catalog_path.write_text(text.rstrip() + scores)
        digests.append(key(catalog_path).digest)
    assert digests[0] == digests[1] != digests[2]


def test_the_digest_changes_with_the_files_beside_the_catalog(catalog_path: Path) -> None:
    before = key(catalog_path).digest
    (catalog_path.parent / "labels.txt").write_text("a\nb\nc\nd\n")
    assert key(catalog_path).digest != before


def test_the_digest_changes_with_precision_and_photos(catalog_path: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    digests = [key(catalog_path).digest, key(catalog_path, "int8", photos).digest]
    (photos / "1_a.jpg").write_bytes(b"photo")
    digests.append(key(catalog_path, "int8", photos).digest)
    assert len(set(digests)) == 3


def test_an_artifact_is_current_while_its_key_and_files_are_unchanged(catalog_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / "own"
    assert not is_current(folder, key(catalog_path))
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(name)
    preprocess = Preprocess(72, 64, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    files = {name: stored_file(folder / name) for name in FILES}
    recipe = key(catalog_path).digest
    write_receipt(folder, Receipt("own", "Own", "", {}, recipe, preprocess, "fp16", 4, {}, {}, files))
    assert is_current(folder, key(catalog_path))
    assert not is_current(folder, key(catalog_path, "int8"))
    (folder / "model.bin").write_bytes(b"")
    assert not is_current(folder, key(catalog_path))
