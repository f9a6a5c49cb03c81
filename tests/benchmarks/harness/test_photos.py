from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness.photos import NoPhotos, copied, default_folder, photos_in


def test_the_label_is_the_first_number_or_the_last_of_foolbox_names(tmp_path: Path) -> None:
    for name in ("281_tabby.jpg", "imagenet_07_42.jpg", "holiday.jpg", "1_cat.png"):
        (tmp_path / name).write_bytes(b"jpeg")
    assert [(photo.path.name, photo.label) for photo in photos_in(tmp_path)] == [
        ("281_tabby.jpg", 281),
        ("imagenet_07_42.jpg", 42),
    ]


def test_copies_are_named_as_the_export_expects(tmp_path: Path) -> None:
    (tmp_path / "imagenet_07_42.jpg").write_bytes(b"jpeg")
    photos = copied(photos_in(tmp_path), tmp_path / "copies")
    assert [(photo.path.name, photo.label, photo.data) for photo in photos] == [("42_000.jpg", 42, b"jpeg")]


def test_a_folder_without_labelled_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoPhotos, match=r"281_tabby\.jpg"):
        photos_in(tmp_path)


def test_the_default_photos_are_the_twenty_of_foolbox() -> None:
    assert len(photos_in(default_folder())) == 20
