from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.harness.photos import Photo
from services.export.checks.sample_images import generated_images, photos_in
from services.preprocess import Preprocess

PREPROCESS = Preprocess(256, 224, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_photos_are_labelled_when_all_their_names_begin_with_a_number(tmp_path: Path, photos: list[Photo]) -> None:
    for photo in photos[:3]:
        (tmp_path / f"{photo.label}_photo.jpg").write_bytes(photo.data)
    (tmp_path / "notes.txt").write_text("not an image")
    found = photos_in(tmp_path, PREPROCESS, 1000, most=10)
    assert sorted(found.labels or []) == sorted(photo.label for photo in photos[:3])
    (tmp_path / "another.jpg").write_bytes(photos[3].data)
    assert photos_in(tmp_path, PREPROCESS, 1000, most=10).labels is None
    assert len(photos_in(tmp_path, PREPROCESS, 1000, most=2).pixels) == 2


def test_an_unreadable_photo_is_skipped(tmp_path: Path, photos: list[Photo]) -> None:
    (tmp_path / "1_cut.jpg").write_bytes(photos[0].data[:1000])
    (tmp_path / "2_whole.jpg").write_bytes(photos[1].data)
    found = photos_in(tmp_path, PREPROCESS, 1000, most=10)
    assert (len(found.pixels), found.labels) == (1, [2])


def test_generated_images_are_the_same_every_time() -> None:
    first, second = generated_images(PREPROCESS), generated_images(PREPROCESS)
    assert not first.photos
    np.testing.assert_array_equal(first.pixels, second.pixels)
