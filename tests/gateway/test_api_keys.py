"""The file of API keys."""

from pathlib import Path

import pytest

from gateway.api_keys import Key, KeysError, read_keys


def test_keys_are_read_with_their_consumers(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text('- {key: a, consumer: "1"}\n- {key: 2, consumer: 3, enabled: false}\n')
    assert read_keys(path) == (Key("a", "1"), Key("2", "3", enabled=False))


def test_an_empty_list_becomes_one_unknown_key_that_is_not_enabled(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("[]")
    [key] = read_keys(path)
    assert len(key.key) == 64
    assert not key.enabled


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("]", "1: ", id="not-yaml"),
        pytest.param("a: 1", " ", id="not-a-list"),
        pytest.param("[1]", " entry 1: ", id="not-a-mapping"),
        pytest.param("- {key: a}", " entry 1: consumer: ", id="no-consumer"),
        pytest.param('- {key: "", consumer: "1"}', " entry 1: key: ", id="empty-key"),
        pytest.param('- {key: é, consumer: "1"}', " entry 1: key: ", id="not-ascii"),
        pytest.param('- {key: a, consumer: "1", enable: no}', " entry 1: enable: ", id="unknown-field"),
        pytest.param('- {key: a, consumer: "1", enabled: 1}', " entry 1: enabled: ", id="enabled-is-no-boolean"),
        pytest.param('- {key: a, consumer: "1"}\n- {key: a, consumer: "2"}', " entry 2: ", id="duplicate"),
        pytest.param(
            '- {key: a, consumer: "1"}\n- {key: b, consumer: "1", enabled: false}', " entry 2: ", id="contradiction"
        ),
    ],
)
def test_an_invalid_file_is_explained_in_one_line_that_names_the_entry(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(KeysError) as refused:
        read_keys(path)
    assert str(refused.value).startswith(f"{path}:{place}")
    assert "\n" not in str(refused.value)
