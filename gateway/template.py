"""Path templates: `/v1/models/{name}`, `/files/{path=**}`, `/v1/jobs/{id}:cancel`.

    Template = "/" | "/" Segments [ ":" Verb ]
    Segments = Segment { "/" Segment }
    Segment  = "*" | "**" | Literal | "{" Name [ "=" Segments ] "}"

`*` stands for one segment, `**` for the rest, and after `**` only literals may follow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

ONE, REST = "*", "**"
UNRESERVED = r"A-Za-z0-9._~\-"
# What a path holds on its way through the gateway: nothing else can ever be matched.
LITERAL = re.compile(rf"(?:[{UNRESERVED}!$&'()+,;=:@]|%[0-9A-Fa-f]{{2}})+")
NAME = re.compile(r"[^{}=/]+")


class TemplateError(ValueError):
    """The template cannot be used: the message says why, `remedy` what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class Variable:
    """A name for the segments from `start` up to `stop`; a negative `stop` counts from the end of the path (-1)."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Template:
    """A parsed template; `text` is how the document writes it."""

    text: str
    segments: tuple[str, ...]
    variables: tuple[Variable, ...] = ()
    verb: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it stands for one path only (and that path with a slash at its end)."""
        return ONE not in self.segments and REST not in self.segments

    @property
    def path(self) -> str:
        """The one path of an exact template."""
        return "/" + "/".join(self.segments)

    @cached_property
    def prefix(self) -> str:
        """What every path of this template begins with."""
        if self.is_exact:
            return self.path
        wild = min(self.segments.index(kind) for kind in (ONE, REST) if kind in self.segments)
        return "/" + "".join(f"{literal}/" for literal in self.segments[:wild])

    @cached_property
    def regex(self) -> str:
        """An RE2 expression for the whole path, with one slash more tolerated at its end."""
        patterns = {ONE: "[^/]+", REST: ".*"}
        path = "".join(f"/{patterns.get(segment, re.escape(segment))}" for segment in self.segments)
        return f"{path}/?" + (f":{re.escape(self.verb)}" if self.verb else "")

    @property
    def shape(self) -> tuple[tuple[str, ...], str]:
        """Equal for templates that stand for the same paths, whatever their variables are called."""
        return self.segments, self.verb

    @cached_property
    def order(self) -> tuple[tuple[int, str], ...]:
        """Sorts templates by precedence: segment by segment, a literal before `*` before `**`.

        A template comes before those that go on where it ends, for `**` may go on with nothing. After `**`, and where
        a verb follows, the longer one comes first.
        """
        rank = {ONE: 1, REST: 2}
        path = [(rank.get(segment, 0), segment) for segment in self.segments]
        verb = [(-2, self.verb)] if self.verb else []
        end = (3, "") if self.segments[-1:] == (REST,) else (-1, "")
        return (*path, *verb, end)


def parse_template(text: str) -> Template:
    """The template that `text` writes; TemplateError says what is wrong with it."""
    if not text.startswith("/"):
        raise TemplateError("is a path that does not begin with '/'", f"write /{text}")
    if any(mark in text for mark in "?#"):
        raise TemplateError(
            "can never be reached: a query or a fragment is no part of the path",
            "declare what follows as query parameters",
        )
    body = text[1:]
    if body.endswith("/"):
        body = body[:-1]
    if not body:
        return Template(text, ())
    body, verb = _split_verb(body)
    segments: list[str] = []
    found: list[tuple[str, int, int]] = []
    for part in _parts(body):
        if part.startswith("{") and part.find("}") == len(part) - 1:
            name, _, inner = part[1:-1].partition("=")
            if not NAME.fullmatch(name):
                raise TemplateError(f"has the variable {part}, which has no name", "write {name} or {name=**}")
            start = len(segments)
            segments += [_segment(piece) for piece in (inner.split("/") if "=" in part else [ONE])]
            found.append((name, start, len(segments)))
        else:
            segments.append(_segment(part))
    _check_rest(segments)
    names = [name for name, *_ in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TemplateError(f"has the variable {{{min(twice)}}} twice", "give each variable its own name")
    rest = segments.index(REST) if REST in segments else len(segments)
    variables = tuple(
        Variable(name, start, stop - len(segments) - 1 if start <= rest < stop else stop) for name, start, stop in found
    )
    return Template(text, tuple(segments), variables, verb)


def _split_verb(body: str) -> tuple[str, str]:
    """A verb follows a variable: elsewhere a colon is just a character of the segment."""
    head, brace, verb = body.rpartition("}:")
    if not brace:
        return body, ""
    if not LITERAL.fullmatch(verb) or ":" in verb:
        raise TemplateError(f"ends in ':{verb}', which is no verb", "write letters after the colon, as in {id}:cancel")
    return head + "}", verb


def _parts(body: str) -> list[str]:
    """The body cut at its slashes, but not at those inside braces."""
    parts, depth = [""], 0
    for character in body:
        depth += (character == "{") - (character == "}")
        if depth not in (0, 1):
            raise TemplateError("has braces that do not match", "open and close each variable: {name}")
        if character == "/" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if depth:
        raise TemplateError("has braces that do not match", "open and close each variable: {name}")
    return parts


def _segment(part: str) -> str:
    if part in (ONE, REST):
        return part
    if "{" in part or "}" in part or ONE in part:
        raise TemplateError(
            f"has the segment '{part}', which is a variable in part only",
            "let the variable be the whole segment, as in /items/{id}",
        )
    if not part:
        raise TemplateError("can never be reached: the gateway merges '//' into '/'", "leave the empty segment out")
    if part in (".", ".."):
        raise TemplateError(f"can never be reached: the gateway resolves '{part}'", "write the path it leads to")
    if not LITERAL.fullmatch(part):
        raise TemplateError(
            f"can never be reached: '{part}' holds what no path may hold", "percent-encode it, as in /caf%C3%A9"
        )
    for code in re.findall("%([0-9A-Fa-f]{2})", part):
        if re.fullmatch(f"[{UNRESERVED}]", chr(int(code, 16))):
            character = chr(int(code, 16))
            raise TemplateError(
                f"can never be reached: the gateway turns '%{code}' into '{character}'", f"write '{character}'"
            )
    return part


def _check_rest(segments: list[str]) -> None:
    if REST in segments and any(kind in segments[segments.index(REST) + 1 :] for kind in (ONE, REST)):
        raise TemplateError("has a variable after '**'", "let '**' be the last variable")
