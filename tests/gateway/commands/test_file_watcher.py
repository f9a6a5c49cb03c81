"""Changes are reported once, and only when the file is no longer being written."""

from pathlib import Path

from gateway.commands.file_watcher import FileWatcher


def test_nothing_is_reported_without_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    watcher = FileWatcher([path])
    assert [watcher.changed() for _ in range(3)] == [False, False, False]


def test_a_change_is_reported_once_after_two_equal_looks(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    watcher = FileWatcher([path])
    path.write_text("22")
    assert [watcher.changed() for _ in range(4)] == [False, True, False, False]


def test_a_file_that_is_still_being_written_is_not_reported(tmp_path: Path) -> None:
    path = tmp_path / "a"
    watcher = FileWatcher([path])
    with path.open("w") as file:
        for _ in range(3):
            file.write("half a document")
            file.flush()
            assert not watcher.changed()
    assert watcher.changed()


def test_a_file_that_disappears_or_is_replaced_has_changed(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("1")
    watcher = FileWatcher([path])
    path.unlink()
    assert [watcher.changed() for _ in range(2)] == [False, True]
    other.write_text("1")
    other.replace(path)
    assert [watcher.changed() for _ in range(2)] == [False, True]


def test_a_change_that_is_taken_back_at_once_is_not_reported(tmp_path: Path) -> None:
    path = tmp_path / "a"
    watcher = FileWatcher([path])
    path.write_text("1")
    assert not watcher.changed()
    path.unlink()
    assert [watcher.changed() for _ in range(2)] == [False, False]
