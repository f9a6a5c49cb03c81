"""Keeps the comments of values that a conversion removes or merges with others, which ruamel.yaml would drop."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

# Where the fields of an OpenAPI 2.0 document are in OpenAPI 3.0, if their name changes.
RENAMED = {
    "swagger": "openapi",
    "host": "servers",
    "basePath": "servers",
    "schemes": "servers",
    "x-google-endpoints": "servers",
    "x-google-management": "x-google-api-management",
    "securityDefinitions": "components",
    "definitions": "components",
    "parameters": "components",
    "responses": "components",
}


def with_comments_of(source: str, result: str) -> str:
    """The result with every comment of the source that is missing, above the same field of the document if it has one.

    Other comments go to the top.
    """
    present = [comment for _, comment in _comments(result)]
    lines, source_lines = result.splitlines(), source.splitlines()
    top: list[str] = []
    for number, comment in _comments(source):
        if comment in present:
            present.remove(comment)
            continue
        key = _next_key(source_lines[number:])
        position = next((index for index, line in enumerate(lines) if key and line.startswith(f"{key}:")), None)
        if position is None:
            top.append(comment)
        else:
            lines.insert(position, comment)
    return "\n".join([*top, *lines]) + "\n"


def _next_key(lines: list[str]) -> str:
    """The field of the document that the first line is of, or the first one below comments; "" for any other line."""
    line = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    key = "" if line[:1] in (" ", "-") else line.partition(":")[0].strip("\"'")
    return RENAMED.get(key, key)


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Every comment of a YAML text, and the index of its line."""
    position = 0
    # Between two tokens of YAML there are only spaces and comments.
    for token in yaml.scan(text, yaml.SafeLoader):
        between = text[position : token.start_mark.index]
        first = text.count("\n", 0, position)
        for number, line in enumerate(between.splitlines(), first):
            _, mark, comment = line.partition("#")
            if mark:
                yield number, f"#{comment.rstrip()}"
        position = token.end_mark.index
