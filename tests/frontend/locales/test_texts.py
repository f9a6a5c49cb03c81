"""The page's texts: both languages have the same ones, and all of them are used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from benchmarks.harness.process import ROOT
from frontend.locales.texts import LANGUAGES, Texts, language_of, read_texts

TEXTS = {language: read_texts(language) for language in LANGUAGES}
# Texts whose keys the code puts together.
FAMILIES = ("error_", "only_", "state_", "card_", "sample_", "refused_", "column_", "agree_", "honest_", "scores_")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def sources() -> str:
    paths: list[Path] = [path for path in (ROOT / "frontend").rglob("*") if path.suffix in {".py", ".js", ".html"}]
    return "".join(path.read_text(encoding="utf-8") for path in paths)


def test_both_files_have_the_same_texts_in_the_same_order() -> None:
    assert list(TEXTS["en"]) == list(TEXTS["fr"])


@pytest.mark.parametrize("key", TEXTS["en"])
def test_both_languages_have_a_text_with_the_same_placeholders(key: str) -> None:
    english, french = TEXTS["en"][key], TEXTS["fr"][key]
    assert english
    assert french
    assert placeholders(english) == placeholders(french)


def test_every_text_is_used_and_every_text_used_exists() -> None:
    code = sources()
    used = set(re.findall(r"texts\(\s*\"(\w+)\"", code))
    assert used <= TEXTS["en"].keys()
    unused = {key for key in TEXTS["en"] if not re.search(rf"\b{key}\b", code) and not key.startswith(FAMILIES)}
    assert unused == set()


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("fr-CA", "fr"),
        ("fr", "fr"),
        ("FR-fr", "fr"),
        ("en-GB", "en"),
        ("de", "en"),
        ("", "en"),
        (None, "en"),
        ("fro", "en"),
    ],
)
def test_the_language_follows_the_browser_s_locale(locale: str | None, language: str) -> None:
    assert language_of(locale) == language


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", ["69%", "42 ms", "1.3 s", "512 kB", "3.4 MB"]), ("fr", ["69 %", "42 ms", "1,3 s", "512 ko", "3,4 Mo"])],
)
def test_numbers_follow_the_language(language: str, expected: list[str]) -> None:
    texts = Texts("fr" if language == "fr" else "en")
    assert [
        texts.percent(0.69),
        texts.duration(42.2),
        texts.duration(1300),
        texts.size(512_000),
        texts.size(3_400_000),
    ] == expected
