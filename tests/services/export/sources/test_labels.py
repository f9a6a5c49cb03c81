from __future__ import annotations

from pathlib import Path

import pytest

from services.catalog import load_catalog
from services.export.errors import NetworkError
from services.export.sources.labels import labels, numbered
from tests.services.export.own_model import LABELS, catalog_file, local_file

pytestmark = pytest.mark.integration  # importing torch takes seconds


def test_labels_come_from_the_entrys_file_or_are_imagenets(tmp_path: Path, weights: Path) -> None:
    own, shipped = load_catalog(catalog_file(tmp_path, local_file(weights))), load_catalog()
    assert labels(own, own["own"]) == tuple(LABELS)
    imagenet = labels(shipped, shipped["resnet18"])
    assert (len(imagenet), imagenet[281]) == (1000, "tabby")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(["ant", "", "cat", "dog"], "line 2 is empty", id="empty-line"),
        pytest.param(["ant", "\udcff"], "cannot be read as UTF-8", id="not-utf-8"),
        pytest.param([], "is empty; write one label per line", id="empty"),
        pytest.param(['{"0": "ant",', '"1": "bee"}'], "is JSON; write one label per line", id="json"),
    ],
)
def test_unusable_labels_are_refused(tmp_path: Path, weights: Path, names: list[str], message: str) -> None:
    catalog = load_catalog(catalog_file(tmp_path, local_file(weights)))
    (tmp_path / "labels.txt").write_bytes("\n".join(names).encode("utf-8", "surrogateescape"))
    with pytest.raises(NetworkError, match=message):
        labels(catalog, catalog["own"])


def test_a_labels_file_that_does_not_exist_is_named(tmp_path: Path, weights: Path) -> None:
    catalog = load_catalog(catalog_file(tmp_path, local_file(weights)))
    (tmp_path / "labels.txt").unlink()
    with pytest.raises(NetworkError, match=r"labels\.txt does not exist"):
        labels(catalog, catalog["own"])


def test_labels_may_be_in_the_entry(tmp_path: Path, weights: Path) -> None:
    path = catalog_file(tmp_path, local_file(weights))
    path.write_text(path.read_text().replace("labels: labels.txt", "labels: [ripe, unripe, füße]"))
    catalog = load_catalog(path)
    assert labels(catalog, catalog["own"]) == ("ripe", "unripe", "füße")


def test_labels_that_occur_twice_are_numbered_with_a_warning(
    tmp_path: Path, weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = load_catalog(catalog_file(tmp_path, local_file(weights), ["crane", "bee", "crane", "dog"]))
    assert labels(catalog, catalog["own"]) == ("crane", "bee", "crane (2)", "dog")
    (warning,) = caplog.messages
    assert warning.startswith("own: ")
    assert "'crane (2)'" in warning


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("a b c", "a b c", id="different"),
        pytest.param("a a b a", "a a(2) b a(3)", id="three-times"),
        pytest.param("a a(2) a a", "a a(2) a(3) a(4)", id="number-taken"),
        pytest.param("a a(2) a(2)", "a a(2) a(2)(2)", id="numbered-twice"),
    ],
)
def test_numbered_labels_are_all_different(given: str, expected: str) -> None:
    words = [word.replace("(", " (") for word in given.split()]
    result = numbered(words)
    assert [word.replace(" (", "(") for word in result] == expected.split()
    assert len(set(result)) == len(words)
