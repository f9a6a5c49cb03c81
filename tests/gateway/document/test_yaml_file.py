"""Errors in YAML files as one sentence with a line."""

from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gateway.document.yaml_file import YamlFileError, read_yaml, syntax_error


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"a: 1\nb: ]", 2, id="syntax"),
        pytest.param(b"\xff", None, id="not-utf-8"),
        pytest.param(b"[" * 30_000, 1, id="nested-too-deeply"),
        pytest.param(b"a: " + b"9" * 5000, None, id="number-of-5000-digits"),
        pytest.param(b"a: !!int x", None, id="number-that-is-none"),
        pytest.param(b"a: 2026-99-99", None, id="impossible-date"),
        pytest.param(None, None, id="missing"),
    ],
)
def test_an_unreadable_file_is_one_line_that_names_it(tmp_path: Path, content: bytes | None, line: int | None) -> None:
    path = tmp_path / "file.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(YamlFileError) as refused:
        read_yaml(path)
    assert refused.value.line == line
    assert refused.value.at(path).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert "\n" not in refused.value.at(path)


def test_errors_of_both_yaml_libraries_become_the_same_kind_of_sentence() -> None:
    text = "a: 1\nb: ]"
    with pytest.raises(yaml.YAMLError) as pyyaml:
        yaml.safe_load(text)
    with pytest.raises(YAMLError) as ruamel:
        YAML(typ="safe", pure=True).load(text)
    for error in (syntax_error(pyyaml.value), syntax_error(ruamel.value)):
        assert error.line == 2
        assert str(error).startswith("is not valid YAML: ")
