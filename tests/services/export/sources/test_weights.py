"""Fetching weights, from a server on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest
import torchvision

from services.catalog import load_catalog
from services.export.errors import WeightsUnavailable
from services.export.sources.weights import fetched_weights
from tests.services.export.own_model import catalog_file, local_file, sha256

pytestmark = pytest.mark.integration


def fetch(catalog_path: Path, name: str, cache: Path) -> Path:
    catalog = load_catalog(catalog_path)
    return fetched_weights(catalog, catalog[name], cache, lambda done, size: None)


def test_weights_from_a_url_are_downloaded_once_with_progress(tmp_path: Path, weights: Path, weights_url: str) -> None:
    path = catalog_file(tmp_path, f'{{url: "{weights_url}/own.pth", sha256: {sha256(weights)}}}')
    catalog, seen = load_catalog(path), list[tuple[int, int | None]]()
    fetched = fetched_weights(catalog, catalog["own"], tmp_path / "cache", lambda *progress: seen.append(progress))
    assert fetched.read_bytes() == weights.read_bytes()
    assert seen[-1] == (len(fetched.read_bytes()),) * 2
    path.write_text(path.read_text().replace("own.pth", "absent.pth"))
    assert fetch(path, "own", tmp_path / "cache") == fetched


def test_a_local_file_is_used_where_it_is(tmp_path: Path, weights: Path) -> None:
    assert fetch(catalog_file(tmp_path, local_file(weights)), "own", tmp_path / "cache") == tmp_path / weights.name
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        pytest.param("saved_model.pb", "a TensorFlow SavedModel: .*tf2onnx.convert", id="saved-model"),
        pytest.param("config.json", "or a folder of timm or transformers with `folder`", id="folder"),
    ],
)
def test_a_folder_where_a_file_should_be_is_explained(tmp_path: Path, file: str, message: str) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / file).touch()
    with pytest.raises(WeightsUnavailable, match=message):
        fetch(catalog_file(tmp_path, "{file: model}"), "own", tmp_path / "cache")


def test_torchvisions_weights_are_fetched_from_a_mirror_and_their_digest_is_checked(
    tmp_path: Path, weights: Path, weights_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The mirror's file is not the one whose digest torchvision puts into the name.
    name = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    mirrored = weights.parent / "models" / name
    mirrored.parent.mkdir(exist_ok=True)
    mirrored.write_bytes(weights.read_bytes())
    monkeypatch.setenv("TORCHVISION_MIRROR", weights_url)
    catalog = load_catalog()
    with pytest.raises(WeightsUnavailable, match="SHA-256 should begin with f37072fd"):
        fetched_weights(catalog, catalog["resnet18"], tmp_path, lambda done, size: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("place", "message"),
    [
        pytest.param('{{url: "{url}/absent.pth", sha256: {digest}}}', "responded with 404", id="not-found"),
        pytest.param(
            '{{url: "http://127.0.0.1:9/x.pth", sha256: {digest}}}',
            "cannot download http://127.0.0.1:9/x.pth: the server cannot be reached",
            id="refused",
        ),
        pytest.param(
            '{{url: "http://no-such-host.invalid/x.pth", sha256: {digest}}}', "cannot be resolved", id="no-name"
        ),
        pytest.param('{{url: "{url}/own.pth", sha256: {other}}}', "should begin with ffff", id="wrong-digest"),
        pytest.param("{{file: absent.pth, sha256: {digest}}}", "does not exist", id="no-file"),
        pytest.param(
            "{{package: no-such-package-guichet==1.0, file: x.pth, sha256: {digest}}}",
            "pip cannot download no-such-package-guichet==1.0",
            id="no-package",
        ),
    ],
)
def test_weights_that_cannot_be_fetched_are_explained_and_leave_no_file(
    tmp_path: Path, weights: Path, weights_url: str, monkeypatch: pytest.MonkeyPatch, place: str, message: str
) -> None:
    monkeypatch.setenv("PIP_RETRIES", "0")
    field = place.format(url=weights_url, digest=sha256(weights), other="f" * 64)
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(catalog_file(tmp_path, field), "own", tmp_path / "cache")
    assert str(caught.value).startswith("own: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
