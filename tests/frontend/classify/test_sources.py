"""Which images are classified."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.classify.sources import NoImages, Source, find_sources


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_a_folder_is_searched_with_the_folders_in_it(tmp_path: Path) -> None:
    files(tmp_path, "b.JPG", "cats/a.png", "cats/deep/c.webp", "notes.txt", ".hidden/d.jpg", "cats/.e.jpg")
    found = find_sources(tmp_path)
    assert [(source.name, source.folder) for source in found] == [
        ("b.JPG", ""),
        ("cats/a.png", "cats"),
        ("cats/deep/c.webp", "deep"),
    ]
    assert found[0].read() == b"x"


def test_a_list_has_one_url_or_file_per_line(tmp_path: Path) -> None:
    files(tmp_path, "cats/a.png")
    listing = tmp_path / "list.txt"
    listing.write_text("\ufeff# photos\nhttps://a.example/x.jpg?a b\n\ncats/a.png\n https://a.example/x.jpg?a b \n")
    url, file = find_sources(listing)
    assert (url.read(), url.folder, url.stamp) == ("https://a.example/x.jpg?a b", "", "")
    assert (file, file.folder) == (Source("cats/a.png", tmp_path / "cats/a.png"), "cats")


def test_a_url_of_another_scheme_is_left_to_the_service_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("ftp://a.example/x.jpg\n")
    assert [source.read() for source in find_sources(tmp_path / "list.txt")] == ["ftp://a.example/x.jpg"]


def test_a_single_image_is_accepted(tmp_path: Path) -> None:
    assert find_sources(files(tmp_path, "a.jpg") / "a.jpg") == [Source("a.jpg", tmp_path / "a.jpg")]


def test_the_stamp_changes_with_the_file(tmp_path: Path) -> None:
    (source,) = find_sources(files(tmp_path, "a.jpg"))
    before = source.stamp
    (tmp_path / "a.jpg").write_bytes(b"longer")
    assert source.stamp != before
    (tmp_path / "a.jpg").unlink()
    assert source.stamp == "missing"


@pytest.mark.parametrize("name", ["missing", "missing.jpg", "empty", "empty.txt", "binary.txt", "zeros.txt"])
def test_no_images_is_an_error_that_names_the_place(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "zeros.txt").write_bytes(b"PK\x03\x04\x00")
    with pytest.raises(NoImages, match=name):
        find_sources(tmp_path / name)
