"""Folders: replaced whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.export.replacement import replacing


def test_a_folder_is_replaced_only_by_a_finished_one(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with replacing(folder) as draft:
        (draft / "a").write_text("1")
        assert not folder.exists()

    def fail_half_way() -> None:
        with replacing(folder) as draft:
            (draft / "a").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert (folder / "a").read_text() == "1"
    with replacing(folder) as draft:
        (draft / "b").write_text("3")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert [path.name for path in folder.iterdir()] == ["b"]
