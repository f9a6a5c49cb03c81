"""Parsing documents from YAML and JSON."""

import json
from pathlib import Path

import pytest

from gateway.commands.check import check_document
from gateway.diagnostics import UnsupportedDocument
from gateway.document.parse import parse_document, read_document
from tests.gateway.documents import valid_document


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("", None, "is empty", id="empty"),
        pytest.param("a: [1,\n  2\nb: 2", 3, "not valid YAML", id="syntax"),
        pytest.param('{"a": 1,}}', 1, "not valid JSON", id="json-syntax"),
        pytest.param("- 1\n", 1, "not a mapping", id="list"),
        pytest.param('swagger: "2.0"\nswagger: "2.0"\n', 2, "duplicate key", id="duplicate-key"),
        pytest.param("a: !secret x\n", 1, "!secret", id="tag"),
        pytest.param("? [a]\n: b\n", 1, "not a string", id="key-is-a-list"),
        pytest.param("a: &a 1\nb: [" + "*a," * 201 + "]\n", 1, "201 YAML aliases", id="too-many-aliases"),
        pytest.param("a: &a\n  b: *a\n", 1, "too many values", id="alias-of-itself"),
        pytest.param(
            "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 20)),
            1,
            "too many values",
            id="a-billion-laughs",
        ),
        pytest.param("[" * 5000, None, "", id="nested-too-deeply"),
        pytest.param("a: " + "[" * 30_000 + "]" * 30_000, 1, "nested too deeply", id="deep-enough-to-crash-libyaml"),
        pytest.param("- " * 30_000, 1, "nested too deeply", id="deep-lists-without-brackets"),
        pytest.param("a: " + "9" * 5000, None, "invalid", id="number-of-5000-digits"),
        pytest.param("a: !!int x", None, "invalid", id="number-that-is-none"),
        pytest.param("a: \0", None, "not valid", id="nul"),
        pytest.param('{"a": ' * 3000 + "1" + "}" * 3000, None, "", id="json-nested-too-deeply"),
    ],
)
def test_text_that_is_not_a_document_is_explained(text: str, line: int | None, reason: str) -> None:
    with pytest.raises(UnsupportedDocument) as refused:
        parse_document(text)
    [diagnostic] = refused.value.diagnostics
    assert reason in diagnostic.message
    if line is not None:
        assert diagnostic.line == line


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        pytest.param("a:\n  b: 1\n\tc: 2\n", 3, "indent with spaces", id="tab"),
        pytest.param("a: health check: ok\n", 1, "in quotes", id="colon-in-plain-text"),
    ],
)
def test_a_frequent_mistake_in_yaml_has_a_remedy_of_its_own(text: str, line: int, remedy: str) -> None:
    with pytest.raises(UnsupportedDocument) as refused:
        parse_document(text)
    [diagnostic] = refused.value.diagnostics
    assert diagnostic.line == line
    assert remedy in diagnostic.remedy


def test_several_structural_errors_are_reported_in_the_order_of_their_lines() -> None:
    with pytest.raises(UnsupportedDocument) as refused:
        parse_document("a:\n  b: !x 1\n  c: 1\n  c: 2\na: 1\n")
    assert [diagnostic.line for diagnostic in refused.value.diagnostics] == [2, 4, 5]


def test_two_hundred_aliases_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(json.dumps(valid_document())[:-1] + ', "x-a": &a 1, "x-b": [' + ",".join(["*a"] * 200) + "]}")
    assert check_document(path).diagnostics == ()


def test_keys_become_strings_and_a_mappings_own_entries_override_merged_ones() -> None:
    text = "base: &base {200: a, b: 1}\nown:\n  <<: *base\n  b: 2\n"
    assert parse_document(text).data["own"] == {"200": "a", "b": 2}


def test_a_missing_place_has_the_line_of_the_nearest_value_around_it() -> None:
    found = parse_document("a:\n  b:\n    - 1\n    - 2\n")
    assert found.line(("a", "b", 1)) == 4
    assert found.line(("a", "nope")) == 1


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["missing", "not-utf-8"])
def test_a_file_that_cannot_be_read_is_one_diagnostic(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "api.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnsupportedDocument) as refused:
        read_document(path)
    assert len(refused.value.diagnostics) == 1
