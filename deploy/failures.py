"""Explains failures: what Google says, whether trying again can help, and what to do. The table is `failures.yaml`."""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TABLE = Path(__file__).with_name("failures.yaml")
# The model, `directory` or `page` in the name of a service, of its revision or of the file with its manifest.
SERVICE = re.compile(r"guichet-([a-z0-9-]+?)(?:-\d{5}-\w{3})?(?=\.json|['\s.]|$)")
# Google's sentence in a response: in JSON, in the XML of Cloud Storage, or the title of an HTML page.
BODY = re.compile(
    r""""message": "((?:[^"\\]|\\.)*)"|<Message>(.*?)</Message>(?:<Details>(.*?)</Details>)?|<title>(.*?)</title>"""
)
# What follows that sentence. Advice is given with every such error, whether it applies or not.
DETAILS = re.compile(
    r"\s*(?:- '@type'|Details: \[|Help Token:|Please (?:retry .*?)?run: \$|This command is (?:un)?authenticated"
    r"|Enable it by visiting|If you (?:just )?enabled this API recently|If you would like to report|Re-run with --force"
    r"|Logs URL:| File \"|, '?\{['\"])"
)
# Sentences that do not name the cause, which the details describe.
VAGUE = re.compile(r"(?:Precondition check failed|The request has errors|Request contains an invalid argument)\.?$")
DESCRIPTION = re.compile(r"description: '?(.+?)'?(?= field:| subject:| type:| - |$)")
# A change that this run has made may be invisible for so long.
PROPAGATION_SECONDS = 420.0


@dataclass(frozen=True)
class Failure:
    """Why a command failed: a row of the table, and Google's message without prefixes and details.

    The kinds that decide how a deployment goes on: "exists" and "absent" (what was wanted is done), "in use" (Google
    keeps it), "not yet" (a change is not visible yet). A failure is retried for `seconds`, or `attempts` times in all.
    """

    kind: str
    message: str
    advice: str
    attempts: int = 1
    seconds: float = 0
    groups: Mapping[str, str] = field(default_factory=dict)

    def not_yet(self) -> Failure:
        """The same failure, if it is about a change that this run has just made."""
        return replace(self, kind="not yet", seconds=PROPAGATION_SECONDS)


@cache
def table(path: Path = TABLE) -> dict[str, Any]:
    """The rows of the table, the roles per group of commands, and the permissions and roles that `doctor` checks."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return found


def failure(text: str) -> Failure:
    """The failure that an error of gcloud's, or the body of a response of Google's, describes."""
    message, details = _parts(text)
    known = " ".join([message, *re.findall(r"\b(?:reason|type)\W+([\w./-]+)", details)])
    for row in table()["failures"]:
        if found := re.search(row["says"], known):
            groups = {name: value for name, value in found.groupdict().items() if value}
            return Failure(row["kind"], message, row["advice"], row.get("attempts", 1), row.get("seconds", 0), groups)
    raise ValueError("the last row of the table should match every text")


def explain(argv: tuple[str, ...], found: Failure, project: str) -> str:
    """The command that failed, Google's reason, and the advice."""
    return f"`{' '.join(argv[: _words(argv)])}` failed: {found.message} {advice(found, project, argv[1:])}"


def advice(found: Failure, project: str, words: Sequence[str] = ()) -> str:
    """What to do; `words` are those of the command that failed, without `gcloud`."""
    roles: dict[str, str] = table()["roles"]
    role = roles.get(" ".join(words[:2])) or roles.get(" ".join(words[:1]), "the required role")
    member = found.groups.get("member") or found.groups.get("writer", "")
    service = SERVICE.search(" ".join([*words, found.message]))
    values = {"project": project, "role": role, "account": member, "service": service[1] if service else "NAME"}
    return found.advice.format_map(defaultdict(str, {**found.groups, **values}))


def _parts(text: str) -> tuple[str, str]:
    """Google's message on one line, and the details and the advice that follow it."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    _, marked, rest = plain.rpartition("ERROR: ")
    line = re.sub(r"^\([\w.-]+\)\s*", "", " ".join((rest if marked else plain).split()))
    message, _, details = line.partition(found[0] if (found := DETAILS.search(line)) else "\n")
    if body := BODY.search(line):
        said, *others = body.groups(default="")
        status = re.search(r'(?<="status": ")[A-Z_]+', line) or re.search(r"HTTPError \d+", line)
        parts = [re.sub(r"\\(?:[nrt]|u([0-9a-fA-F]{4})|(.))", _unescaped, said), *others]
        message = (f"{status[0]}: " if status else "") + " ".join(part for part in parts if part)
        details = line
    if VAGUE.search(message):
        message = " ".join([message, *DESCRIPTION.findall(details)])
    message = re.sub(r"\(['\"](.*?)['\"]?$", r"\1", message)  # the tuple of Python in which gcloud shows an error
    message = textwrap.shorten(message, 600, placeholder=" …") or "gcloud gave no reason."
    return message if message.endswith((".", "!", "?", "…")) else f"{message}.", details


def _unescaped(found: re.Match[str]) -> str:
    """A character that JSON, or Python's way to print it, has escaped."""
    return chr(int(found[1], 16)) if found[1] else found[2] or " "


def _words(argv: tuple[str, ...]) -> int:
    """The number of words before the first option, path or expression."""
    return next((i for i, word in enumerate(argv) if not re.fullmatch(r"(?!-)[\w.-]+", word)), len(argv))
