"""A plan as a self-contained bash script with the same commands in the same order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.plan.steps import (
    PLACEHOLDER,
    Action,
    BaseUrl,
    BuildImage,
    Command,
    ContentName,
    Plan,
    RecordRelease,
    SmokeTest,
    Step,
    WaitUntilReady,
    WriteFile,
    value_name,
)
from deploy.settings import DeploySettings

# What every script begins with.
HEAD = Path(__file__).with_name("script.sh")


def script(plan: Plan, settings: DeploySettings) -> str:
    """The plan as a script."""
    builds = [action for step in plan.steps for action in step.actions if isinstance(action, BuildImage)]
    text = "\n".join(line for step in plan.steps for line in _step(step, builds))
    values = {"project": settings.project, "patience": f"{settings.patience:.0f}"}
    values |= {name: value for name, value in plan.known.items() if name in PLACEHOLDER.findall(text)}
    known = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return f"{HEAD.read_text(encoding='utf-8')}{known}{text}\n"


def shell_line(argv: Iterable[str]) -> str:
    """A command line for the shell; placeholders become variables."""
    return " ".join(quoted(word) for word in argv)


def comment(text: str) -> str:
    """A comment of one line; `text` may contain what Google or the catalog says."""
    return "# " + " ".join("".join(character if character.isprintable() else " " for character in text).split())


def quoted(word: str) -> str:
    """A word quoted for the shell, except for placeholders."""
    if not PLACEHOLDER.search(word):
        return shlex.quote(word)
    if PLACEHOLDER.fullmatch(word) or re.fullmatch(r"[\w./:=@${}-]+", PLACEHOLDER.sub("", word)):
        return f'"{word}"'
    return '"' + re.sub(r"""[\\"`]|\$(?!\{[A-Z][A-Z0-9_]*\})""", r"\\\g<0>", word) + '"'


def _step(step: Step, builds: list[BuildImage]) -> Iterator[str]:
    yield ""
    yield comment(f"{step.verb} {step.what}" + (f": {step.why}" if step.why else ""))
    for action in step.actions:
        if builds and action is builds[0]:
            # Submit all builds before waiting for the first.
            for build in builds:
                yield f"{_build_name(build)}={quoted(build.build) if build.build else _captured(build.argv)}"
        yield from _lines(action)


def _lines(action: Action) -> Iterator[str]:
    match action:
        case WriteFile():
            yield from _write_file(action)
        case Command():
            yield from _command(action)
        case WaitUntilReady():
            yield f"wait_until_active {shell_line(action.show)}"
        case ContentName():
            yield f'{action.yields}="{action.prefix}$(sha256sum < {quoted(action.path)} | cut -c1-12)"'
        case BaseUrl():
            yield f'{action.yields}="$(base_url {quoted(action.host)})"'
        case BuildImage():
            name = _build_name(action)
            yield f'{action.yields}="$(wait_for_build "${{{name}%%[[:space:]]*}}" {quoted(action.uri)})"'
        case SmokeTest():
            yield f"KEY={_captured(action.key)}"
            undo = f"{shell_line(action.undo)}; exit 1" if action.undo else "exit 1"
            for route in action.routes:
                yield f"smoke_test {quoted(action.address + route)} || {{ {undo}; }}"
        case RecordRelease():
            pass


def _command(command: Command) -> Iterator[str]:
    run = shell_line(command.argv)
    if command.reads:
        yield f"READ={_captured(command.reads)}"
        run = f'printf %s "$READ" | {run}'
    if command.optional or command.removes:
        run = f"{run} || true"
    if len(command.yields) == 1:
        yield f'{command.yields[0]}="$({run})"'
    elif command.yields:
        yield f'PRINTED="$({run})"'
        yield f'read -r {" ".join(command.yields)} <<< "$PRINTED"'
    else:
        yield run


def _write_file(write: WriteFile) -> Iterator[str]:
    """A here-document, escaped except for placeholders."""
    text, end = write.text.rstrip("\n"), "END-OF-FILE"
    while end in text.splitlines():
        end += "-"
    if PLACEHOLDER.search(text):
        text = re.sub(r"[\\`]|\$(?!\{[A-Z][A-Z0-9_]*\})", r"\\\g<0>", text)
    else:
        end = f"'{end}'"
    yield f"cat > {quoted(write.path)} << {end}"
    yield text
    yield end.strip("'")


def _build_name(build: BuildImage) -> str:
    return value_name("build", build.image)


def _captured(argv: Iterable[str]) -> str:
    return f'"$({shell_line(argv)})"'
