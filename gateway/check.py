"""`python -m gateway check`: everything that Google refuses in a document, all at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.document import Document, read_document
from gateway.problems import Problem
from gateway.rules import problems


@dataclass(frozen=True)
class Checked:
    """A document that can be read, and what is wrong with it, in the order of its lines."""

    path: Path
    document: Document
    problems: tuple[Problem, ...]

    @property
    def fatal(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.fatal)


def checked(path: Path, *, with_schema: bool = False) -> Checked:
    """The document in the file, checked; UnsupportedSpec if it cannot even be read.

    `with_schema` also holds it against the schema of OpenAPI 2.0, which takes a while for large documents.
    """
    document = read_document(path)
    found = problems(document.data)
    if with_schema and not any(problem.place == ("openapi",) for problem in found):
        from gateway.rules.schema import fits_the_schema

        known = {problem.place for problem in found}
        found += [problem for problem in fits_the_schema(document.data) if not _is_known(problem, known)]
    placed = [replace(problem, line=document.line(problem.place)) for problem in found]
    return Checked(path, document, tuple(sorted(placed, key=lambda problem: problem.line or 0)))


def _is_known(problem: Problem, known: set[tuple[str | int, ...]]) -> bool:
    """Whether a rule has said it better: about the same place, or one in it."""
    return any(place[: len(problem.place)] == problem.place or problem.place[: len(place)] == place for place in known)


def lines(path: Path, found: tuple[Problem, ...]) -> Iterator[str]:
    """What a person reads: two lines for each problem."""
    for problem in found:
        where = f"{path}:{problem.line}" if problem.line else str(path)
        yield f"{where}: {'error' if problem.fatal else 'warning'}: {problem.json_path}: {problem.message}"
        yield f"    {problem.remedy}"
