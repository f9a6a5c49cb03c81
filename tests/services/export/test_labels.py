from __future__ import annotations

from pathlib import Path

import pytest

from services.catalog import load_catalog
from services.export.errors import NetworkError
from services.export.labels import labels
from tests.services.export.own_model import LABELS, catalog_file, local_file


def test_labels_come_from_the_entrys_file_or_are_imagenets(tmp_path: Path, weights: Path) -> None:
    own, shipped = load_catalog(catalog_file(tmp_path, local_file(weights))), load_catalog()
    assert labels(own, own["own"]) == tuple(LABELS)
    imagenet = labels(shipped, shipped["resnet18"])
    assert (len(imagenet), imagenet[281]) == (1000, "tabby")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param([*LABELS[:3], "ant"], "the label 'ant' occurs twice", id="duplicate"),
        pytest.param(["ant", "", "cat", "dog"], "line 2 is empty", id="empty-line"),
        pytest.param(["ant", "\udcff"], "cannot be read as UTF-8", id="not-utf-8"),
    ],
)
def test_unusable_labels_are_refused(tmp_path: Path, weights: Path, names: list[str], message: str) -> None:
    catalog = load_catalog(catalog_file(tmp_path, local_file(weights)))
    (tmp_path / "labels.txt").write_bytes("\n".join(names).encode("utf-8", "surrogateescape"))
    with pytest.raises(NetworkError, match=message):
        labels(catalog, catalog["own"])
