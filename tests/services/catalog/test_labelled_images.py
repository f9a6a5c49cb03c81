from __future__ import annotations

from pathlib import Path

import pytest

from services.catalog.labelled_images import InvalidImages, LabelledImage, labelled_images


def test_a_folder_has_one_subfolder_per_label(tmp_path: Path) -> None:
    for name in ("bee/2.JPG", "ant/1.png", "ant/notes.txt", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert labelled_images(tmp_path) == [
        LabelledImage(tmp_path / "ant" / "1.png", "ant"),
        LabelledImage(tmp_path / "bee" / "2.JPG", "bee"),
    ]


def test_a_csv_file_lists_images_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    file = tmp_path / "images.csv"
    file.write_text("\ufefflabel,image\n'ant, red',1.png\n".replace("'", '"'))
    assert labelled_images(file) == [LabelledImage(tmp_path / "1.png", "ant, red")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "contains no images", id="empty"),
        pytest.param("file,class\n1.png,ant\n", "line 2: should have the columns", id="other-columns"),
        pytest.param("image,label\n2.png,ant\n", r"line 2: the image 2\.png does not exist", id="missing-image"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "images.csv").write_text(text)
    with pytest.raises(InvalidImages, match=message):
        labelled_images(tmp_path / "images.csv")


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidImages, match="cannot be read"):
        labelled_images(tmp_path / "images")
