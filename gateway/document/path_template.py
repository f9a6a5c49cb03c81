"""Path templates: `/v1/models/{name}`, `/files/{path=**}`, `/v1/jobs/{id}:cancel`.

    Template = "/" | "/" Segments [ ":" Verb ]
    Segments = Segment { "/" Segment }
    Segment  = "*" | "**" | Literal | "{" Name [ "=" Segments ] "}"

`*` matches one segment, `**` any number; only literals may follow `**`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

ONE, REST = "*", "**"
UNRESERVED = r"A-Za-z0-9._~\-"
# The characters of a path after the gateway has normalised it: a template with any others can never match. Google's
# parser also rejects `=` outside braces.
LITERAL = re.compile(rf"(?:[{UNRESERVED}!$&'()+,;:@]|%[0-9A-Fa-f]{{2}})+")
NAME = re.compile(r"[^{}=/]+")


class PathTemplateError(ValueError):
    """The template is invalid, or can never match; `remedy` says what to write instead."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class Variable:
    """A variable bound to the segments from `start` up to `stop`; a negative `stop` counts from the path's end (-1)."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class PathTemplate:
    """A parsed path template; `text` is the source."""

    text: str
    segments: tuple[str, ...]
    variables: tuple[Variable, ...] = ()
    verb: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it matches a single path (with or without a trailing slash)."""
        return ONE not in self.segments and REST not in self.segments

    @property
    def path(self) -> str:
        """The path that an exact template matches."""
        return "/" + "/".join(self.segments)

    @cached_property
    def prefix(self) -> str:
        """The literal prefix of every path that the template matches."""
        if self.is_exact:
            return self.path
        wild = min(self.segments.index(kind) for kind in (ONE, REST) if kind in self.segments)
        return "/" + "".join(f"{literal}/" for literal in self.segments[:wild])

    @cached_property
    def regex(self) -> str:
        """An RE2 expression for the whole path; a trailing slash is allowed."""
        patterns = {ONE: "[^/]+", REST: ".*"}
        path = "".join(f"/{patterns.get(segment, re.escape(segment))}" for segment in self.segments)
        return f"{path}/?" + (f":{re.escape(self.verb)}" if self.verb else "")

    @property
    def shape(self) -> tuple[tuple[str, ...], str]:
        """Equal for templates that match the same paths: it leaves out the names of the variables."""
        return self.segments, self.verb

    @cached_property
    def order(self) -> tuple[tuple[int, str], ...]:
        """Sort key for precedence: segment by segment, a literal before `*` before `**`.

        A template comes before longer ones that begin like it, because `**` also matches nothing; but after `**`, and
        before a verb, the longer template comes first.
        """
        rank = {ONE: 1, REST: 2}
        path = [(rank.get(segment, 0), segment) for segment in self.segments]
        verb = [(-2, self.verb)] if self.verb else []
        end = (3, "") if self.segments[-1:] == (REST,) else (-1, "")
        return (*path, *verb, end)


def parse_path_template(text: str) -> PathTemplate:
    """Parse a path template; PathTemplateError if it is invalid or can never match."""
    if not text.startswith("/"):
        raise PathTemplateError("does not begin with '/'", f"write /{text}")
    if any(mark in text for mark in "?#"):
        raise PathTemplateError(
            "can never match: the path template contains a query or fragment",
            "declare query parameters under `parameters`",
        )
    body = text[1:]
    if body.endswith("/"):
        body = body[:-1]
    if not body:
        return PathTemplate(text, ())
    body, verb = _split_verb(body)
    segments: list[str] = []
    found: list[tuple[str, int, int]] = []
    for part in _parts(body):
        if part.startswith("{") and part.find("}") == len(part) - 1:
            name, _, inner = part[1:-1].partition("=")
            if name.endswith("+"):
                raise PathTemplateError(
                    f"{part} is the syntax of another gateway",
                    f"write {{{name[:-1]}=**}}, and name the parameter {name[:-1]}",
                )
            if not NAME.fullmatch(name):
                raise PathTemplateError(f"the variable {part} has no name", "write {name} or {name=**}")
            start = len(segments)
            segments += [_segment(piece) for piece in (inner.split("/") if "=" in part else [ONE])]
            found.append((name, start, len(segments)))
        else:
            segments.append(_segment(part))
    _check_rest(segments)
    names = [name for name, *_ in found]
    if duplicates := {name for name in names if names.count(name) > 1}:
        raise PathTemplateError(f"the variable {{{min(duplicates)}}} is used twice", "give each variable its own name")
    rest = segments.index(REST) if REST in segments else len(segments)
    variables = tuple(
        Variable(name, start, stop - len(segments) - 1 if start <= rest < stop else stop) for name, start, stop in found
    )
    return PathTemplate(text, tuple(segments), variables, verb)


def _split_verb(body: str) -> tuple[str, str]:
    """Split off a custom verb. Only a variable can be followed by one: other colons belong to the segment."""
    head, brace, verb = body.rpartition("}:")
    if not brace:
        return body, ""
    if not LITERAL.fullmatch(verb) or ":" in verb:
        raise PathTemplateError(
            f"':{verb}' is not a valid custom verb", "write letters after the colon, as in {id}:cancel"
        )
    return head + "}", verb


def _parts(body: str) -> list[str]:
    """Split at slashes outside braces."""
    parts, depth = [""], 0
    for character in body:
        depth += (character == "{") - (character == "}")
        if depth not in (0, 1):
            raise PathTemplateError("has unbalanced braces", "write each variable as {name}")
        if character == "/" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if depth:
        raise PathTemplateError("has unbalanced braces", "write each variable as {name}")
    return parts


def _segment(part: str) -> str:
    if part in (ONE, REST):
        return part
    if "{" in part or "}" in part or ONE in part:
        raise PathTemplateError(
            f"the segment '{part}' is only partly a variable, which Google does not support",
            "make the variable the whole segment, as in /items/{id}",
        )
    if not part:
        raise PathTemplateError("can never match: the gateway merges '//' into '/'", "remove the empty segment")
    if part in (".", ".."):
        raise PathTemplateError(f"can never match: the gateway resolves '{part}'", "write the resolved path")
    if not LITERAL.fullmatch(part):
        raise PathTemplateError(
            f"'{part}' contains characters that are not allowed in a path",
            "percent-encode them, as in /caf%C3%A9",
        )
    for code in re.findall("%([0-9A-Fa-f]{2})", part):
        if re.fullmatch(f"[{UNRESERVED}]", chr(int(code, 16))):
            character = chr(int(code, 16))
            raise PathTemplateError(
                f"can never match: the gateway decodes '%{code}' to '{character}'", f"write '{character}'"
            )
    return part


def _check_rest(segments: list[str]) -> None:
    if REST in segments and any(kind in segments[segments.index(REST) + 1 :] for kind in (ONE, REST)):
        raise PathTemplateError("has a variable after '**'", "make '**' the last variable")
