"""The page's texts and numbers in a visitor's language. Labels are shown as the models return them."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class Texts:
    """The texts of one language: `texts("image_count", count=3)`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = read_texts(language)

    def __call__(self, key: str, **values: object) -> str:
        return self._texts[key].format(**values)

    def has(self, key: str) -> bool:
        return key in self._texts

    def word(self, number: int) -> str:
        """A small number as a word."""
        words = self._texts["number_words"].split()
        return words[number] if number < len(words) else str(number)

    def score(self, score: float, kind: str) -> str:
        """A score as a share, or as the model's output if `kind` is "none"."""
        return self.number(score, 2) if kind == "none" else self.percent(score)

    def percent(self, share: float) -> str:
        """69% or 69 %; a positive share is never shown as 0 %."""
        number = "<1" if 0 < share < 0.005 else f"{share * 100:.0f}"
        return f"{number}{'%' if self.language == 'en' else ' %'}"

    def duration(self, milliseconds: float) -> str:
        """42 ms, or 1.3 s."""
        if milliseconds < 999.5:
            return f"{milliseconds:.0f} ms"
        return f"{self.number(milliseconds / 1000)} s"

    def number(self, value: float, decimals: int = 1) -> str:
        """With one decimal, or as many as given."""
        text = f"{value:.{decimals}f}"
        return text.replace(".", ",") if self.language == "fr" else text

    def count(self, value: int) -> str:
        """1,000 or 1 000."""
        return f"{value:,}".replace(",", "," if self.language == "en" else " ")

    def size(self, count: int) -> str:
        """A number of bytes in kB or MB."""
        kilo, mega = ("kB", "MB") if self.language == "en" else ("ko", "Mo")
        return f"{self.number(count / 1e6)} {mega}" if count >= 1e6 else f"{max(count / 1e3, 1):.0f} {kilo}"


@cache
def read_texts(language: Language) -> dict[str, str]:
    """The texts of the language's file, by key."""
    file = Path(__file__).with_name(f"{language}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def language_of(locale: str | None) -> Language:
    """The page's language for a browser's locale, such as fr-CA."""
    return "fr" if (locale or "").lower().split("-")[0] == "fr" else "en"
