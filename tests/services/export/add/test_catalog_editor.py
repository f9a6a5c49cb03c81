from __future__ import annotations

from pathlib import Path

import pytest

from services.catalog import DEFAULT_PATH, CatalogError, load_catalog
from services.export.add.catalog_editor import Field, add_entry, entry_text

DRAFT = {
    "architecture": Field("resnet18", "as given"),
    "weights": Field("IMAGENET1K_V1", "the newest"),
    "requires": Field(["einops==0.8.1"], "imported"),
}


def test_the_catalogs_text_is_kept_and_each_line_has_its_reason(tmp_path: Path) -> None:
    path, before = tmp_path / "models.yaml", DEFAULT_PATH.read_text(encoding="utf-8")
    path.write_text(before, encoding="utf-8")
    add_entry(path, "new", DRAFT)
    added = path.read_text(encoding="utf-8").removeprefix(before)
    assert added.split() == entry_text("new", DRAFT).split()
    assert "requires: [einops==0.8.1] # imported" in added
    assert load_catalog(path)["new"].requires == ("einops==0.8.1",)
    with pytest.raises(CatalogError, match="new: exists already"):
        add_entry(path, "new", DRAFT)


def test_a_catalog_that_does_not_exist_is_begun(tmp_path: Path) -> None:
    add_entry(tmp_path / "models.yaml", "new", DRAFT)
    assert [model.name for model in load_catalog(tmp_path / "models.yaml")] == ["new"]


def test_an_entry_with_a_mistake_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("models: {}\n")
    with pytest.raises(CatalogError, match=f"{path}: new/weights: should be a torchvision weights name"):
        add_entry(path, "new", DRAFT | {"weights": Field("newest", "wrong")})
    assert path.read_text() == "models: {}\n"
    assert list(tmp_path.iterdir()) == [path]
