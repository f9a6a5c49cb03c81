"""What others may write: YAML that crashes, stops or exhausts a careless reader, and titles that look like code.

Every reader of YAML is tested with the documents, and all that shows titles with the titles.
"""

from __future__ import annotations

from typing import Final


def _repeated(levels: int, line: str, first: str) -> bytes:
    """Each level contains the previous one nine times."""
    lines = [f"a0: &a0 {first}"]
    for level in range(1, levels):
        names = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} {line.format(names)}")
    return "\n".join(lines).encode()


# By name: the content of the file.
HOSTILE_DOCUMENTS: Final[dict[str, bytes]] = {
    "aliases-that-expand": _repeated(12, "[{}]", "[x, x, x]"),
    "merge-keys-that-expand": _repeated(12, "{{<<: [{}]}}", "{k: v}"),
    "brackets": b"[" * 30_000,
    "closed-brackets": b"[" * 30_000 + b"]" * 30_000,
    "braces": b"{a: " * 30_000,
    "dashes": b"- " * 30_000,
    "question-marks": b"? " * 30_000,
    "a-list-that-contains-itself": b"models: &a [*a]",
    "a-mapping-that-contains-itself": b"models: &a {b: {c: *a}}",
    "a-merge-of-itself": b"models: &a {<<: *a}",
    "an-undefined-alias": b"models: *a",
    "an-integer-of-5000-digits": b"models: " + b"9" * 5000,
    "a-key-of-5000-digits": b"9" * 5000 + b": models",
    "an-integer-that-is-none": b"models: !!int x",
    "a-float-that-is-none": b"models: !!float x",
    "a-boolean-that-is-none": b"models: !!bool x",
    "a-date-that-is-none": b"models: 2001-99-99",
    "a-timestamp-that-is-none": b"models: !!timestamp x",
    "a-hexadecimal-integer-of-5000-digits": b"models: 0x" + b"f" * 5000,
    "an-integer-of-5000-sixties": b"%YAML 1.1\n---\nmodels: 1" + b":1" * 5000,
    "an-empty-integer": b'models: !!int ""',
    "a-list-as-an-ordered-mapping": b"models: !!omap [a: 1, a: 2]",
    "a-tag-of-900,000-letters": b"models: !<" + b"a" * 900_000 + b"> x",
    "a-surrogate-in-json": b'\t{"models": "\\ud800"}',
    "a-set-that-is-none": b"models: !!set x",
    "bytes-that-are-none": b"models: !!binary '\xc3\xa9'",
    "an-object-of-python": b"models: !!python/object/apply:os.system [id]",
    "an-unknown-tag": b"models: !secret x",
    "a-list-as-key": b"? [a]\n: b",
    "a-mapping-as-key": b"{a: b}: c",
    "two-documents": b"a: b\n---\nc: d",
    "utf-16": "models: {}".encode("utf-16"),
    "utf-32": "models: {}".encode("utf-32"),
    "latin-1": b"models: caf\xe9",
    "an-encoded-surrogate": b"models: \xed\xa0\x80",
    "a-control-character": b"models: \x07",
    "a-null-byte": b"models: \x00",
    "binary": bytes(range(256)),
    "an-unclosed-quote": b'models: "',
    "a-tab": b"models:\n\t- a",
    "an-unknown-directive": b"%YAML 9.9\n---\nmodels: {}",
    "two-megabytes": b"a: '" + b"x" * (2 << 20) + b"'",
    "many-values": b"a: [" + b"0," * 200_000 + b"]",
}

# Titles that a template, a shell, a terminal or a page could take for more than text.
HOSTILE_TITLES: Final = [
    "${HOME} $(id) `id`",
    "{service} {directory} {deadline}",
    "[bold red]x[/] [/]",
    "'; exit; '",
    '<b onload="x">&amp;',
    "$latex$ **x** [a](b)",
    "%ENVIRONMENT(HOME)%",
]
