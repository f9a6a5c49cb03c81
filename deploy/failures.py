"""Explains failures: what Google says, whether trying again can help, and what to do. The table is `failures.yaml`."""

from __future__ import annotations

import re
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
    """The rows of the table, and the roles per group of commands."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return found


def failure(text: str) -> Failure:
    """The failure that a text of Google's or gcloud's describes."""
    message = _message(text)
    for row in table()["failures"]:
        if found := re.search(row["says"], message):
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


def _message(stderr: str) -> str:
    """gcloud's error on one line, without the details and advice it adds."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", stderr)
    _, marked, rest = text.rpartition("ERROR: ")
    lines = (rest if marked else text).strip().splitlines()
    kept = [
        line.strip()
        for line in lines
        if line.strip() and not re.match(r"\s*(-|'?@type|reason:|domain:|metadata:|To \w)", line)
    ]
    message = re.sub(r"^\([\w.-]+\)\s*", "", " ".join(kept))
    message = re.sub(r"\s*(Please run: )?\$ gcloud (auth login|config set account) .*$", "", message)
    message = re.sub(r"\s*This command is (un)?authenticated (as|because) .*$", "", message)
    # Advice that follows every such error, whether the API was enabled lately or not.
    message = re.sub(r"\s*Enable it by visiting .*$|\s*If you (just )?enabled this API recently.*$", "", message)
    message = re.sub(r"\s*Re-run with --force to disable it anyway\.?", "", message)
    message = message[:600].rstrip() or "gcloud gave no reason."
    return message if message.endswith((".", "!", "?")) else f"{message}."


def _words(argv: tuple[str, ...]) -> int:
    """The number of words before the first option or path."""
    return next((i for i, word in enumerate(argv) if word.startswith("-") or "/" in word), len(argv))
