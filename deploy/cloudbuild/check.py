"""Whether Cloud Build would take a file: all that is wrong with it, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from deploy.cloudbuild.schema import DAY, Build, Step, seconds
from deploy.cloudbuild.substitutions import BUILT_IN, OWN, filled, referenced
from deploy.errors import DeployError

Place = tuple[str | int, ...]
# [HOST[:PORT]/]PATH[:TAG][@DIGEST]
IMAGE = re.compile(
    r"([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
SHELLS = {"ash", "bash", "dash", "sh", "zsh"}
STEP_TEXTS = ("name", "dir", "entrypoint", "args", "env")


class BuildFileError(DeployError):
    """Cloud Build would not take the file; a line for each thing that is wrong."""


@dataclass(frozen=True)
class Problem:
    """What is wrong at a place in the file."""

    place: Place
    sentence: str


def read_build(path: Path, given: Mapping[str, str] | None = None) -> Build:
    """The file as Cloud Build would read it, with `given` over its own substitutions, which stay to be filled in.

    Raises BuildFileError. Without `given` it is left open which substitutions a submission will give.
    """
    tree = _tree(path)
    try:
        build = Build.model_validate(_plain(tree))
    except ValidationError as err:
        problems = [_problem(fault) for fault in err.errors(include_url=False)]
        raise _error(path, tree, problems) from err
    if given is not None:
        build = build.model_copy(update={"substitutions": {**build.substitutions, **given}})
    if problems := [*step_problems(build), *volume_problems(build), *substitution_problems(build, given is None)]:
        raise _error(path, tree, problems)
    if given is not None and (problems := list(name_problems(build))):
        raise _error(path, tree, problems)
    return build


def step_problems(build: Build) -> Iterator[Problem]:
    """Ids, order, time limits, and what a step may not say together."""
    known: set[str] = set()
    limit = seconds(build.timeout) or DAY
    if limit > DAY:
        yield Problem(("timeout",), "should be 24 hours at most")
    for number, step in enumerate(build.steps):
        place: Place = ("steps", number)
        for index, other in enumerate(step.wait_for or []):
            if other != "-" and other not in known:
                yield Problem((*place, "waitFor", index), f"no step before this one has the id {other!r}")
        if "-" in (step.wait_for or []) and len(step.wait_for or []) > 1:
            yield Problem((*place, "waitFor"), "'-' starts the step at once, and so should stand alone")
        if step.id == "-" or step.id in known:
            yield Problem((*place, "id"), f"{step.id!r} is taken")
        known |= {step.id} - {""}
        if (seconds(step.timeout) or 0) > limit:
            yield Problem((*place, "timeout"), f"should not exceed the build's own, {limit:g}s")
        if step.script and (step.args or step.entrypoint):
            yield Problem((*place, "script"), "does not go together with args or entrypoint")
        if step.allow_failure and step.allow_exit_codes:
            yield Problem((*place, "allowExitCodes"), "has no meaning beside allowFailure: true")


def volume_problems(build: Build) -> Iterator[Problem]:
    """A volume has one path in a step, and two steps at least that use it."""
    uses: dict[str, Place] = {}
    for number, step in enumerate(build.steps):
        volumes = [*build.options.volumes, *step.volumes]
        for field in ("name", "path"):
            values = [getattr(volume, field) for volume in volumes]
            if twice := sorted({value for value in values if values.count(value) > 1}):
                yield Problem(("steps", number, "volumes"), f"has {twice[0]} twice")
        for volume in step.volumes:
            if volume.path.rstrip("/") in ("/workspace", "/builder/home", "/var/run/docker.sock"):
                yield Problem(("steps", number, "volumes"), f"{volume.path} is Cloud Build's own")
            users = [step for step in build.steps if volume.name in {other.name for other in step.volumes}]
            if len(users) < 2 and volume.name not in uses:
                uses[volume.name] = ("steps", number, "volumes")
                yield Problem(("steps", number, "volumes"), f"no other step uses {volume.name}")


def substitution_problems(build: Build, open_ended: bool) -> Iterator[Problem]:
    """Names that nobody gives a value, values that nothing uses, and values that would get into a shell's text.

    A value in a shell's text is taken by Cloud Build; it is refused here, as the shell would carry out what it holds.
    """
    used: set[str] = set()
    strict = build.options.substitution_option == "MUST_MATCH"
    for place, text in texts(build):
        for name in set(referenced(text)) - used:
            used.add(name)
            if not OWN.fullmatch(name):
                if name not in BUILT_IN:
                    yield Problem(place, f"{name} is no built-in substitution; your own begin with an underscore")
            elif strict and not open_ended and name not in build.substitutions:
                yield Problem(place, f"{name} is given no value")
    for number, step in enumerate(build.steps):
        for index, text in _shell_texts(step):
            if names := referenced(text):
                yield Problem(
                    ("steps", number, *index), f"{names[0]} would become part of a shell's text: hand it over in env"
                )
    mapped = build.options.automap_substitutions or any(step.automap_substitutions for step in build.steps)
    if strict and not mapped:
        for name in build.substitutions.keys() - used:
            yield Problem(("substitutions", name), f"{name} has a value, but nothing uses it")


def name_problems(build: Build) -> Iterator[Problem]:
    """Names of images that no registry takes, once the values are filled in."""
    values = dict.fromkeys(BUILT_IN, "x") | build.substitutions
    for number, image in enumerate(build.images):
        if not IMAGE.fullmatch(name := filled(image, values)):
            yield Problem(("images", number), f"{name} is no image's name")
    for number, step in enumerate(build.steps):
        if not IMAGE.fullmatch(name := filled(step.name, values)):
            yield Problem(("steps", number, "name"), f"{name} is no image's name")


def texts(build: Build) -> Iterator[tuple[Place, str]]:
    """Every text of the file in which Cloud Build replaces substitutions, and where it stands."""
    for number, step in enumerate(build.steps):
        yield from _texts_of(step.model_dump(include=set(STEP_TEXTS)), ("steps", number))
    whole = {"images", "tags", "logs_bucket", "service_account", "artifacts", "available_secrets"}
    yield from _texts_of(build.model_dump(include=whole, by_alias=True), ())
    yield from _texts_of(build.options.model_dump(include={"env", "pool"}, by_alias=True), ("options",))


def _texts_of(node: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(node, str):
        yield place, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _texts_of(value, (*place, key))


def _shell_texts(step: Step) -> Iterator[tuple[Place, str]]:
    """The texts that a shell would read as its program."""
    if step.script:
        yield ("script",), step.script
    words = [step.entrypoint or step.name.rpartition("/")[2].partition(":")[0], *step.args]
    for index, (shell, flag) in enumerate(pairwise(words)):
        if Path(shell).name in SHELLS and re.fullmatch(r"-[a-z]*c", flag) and index + 1 < len(step.args):
            yield ("args", index + 1), step.args[index + 1]


def _problem(fault: Any) -> Problem:
    """pydantic's fault in our words."""
    place = tuple(
        part for part in fault["loc"] if part not in ("[key]", "int", "str") and "constrained" not in str(part)
    )
    match fault["type"]:
        case "extra_forbidden":
            return Problem(place, "Cloud Build knows no such field")
        case "missing":
            return Problem(place, "is missing")
        case "string_type":
            return Problem(place, f"should be text, not {fault['input']!r}: quote it")
        case "string_pattern_mismatch":
            return Problem(place, f"{fault['input']!r} does not match {fault['ctx']['pattern']}")
        case _:
            return Problem(place, f"{fault['msg'].removeprefix('Input ')}")


def _tree(path: Path) -> Any:
    """The file with the lines of everything in it; BuildFileError where it is no YAML."""
    yaml = YAML()
    yaml.version = (1, 1)  # what Google reads
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise BuildFileError(f"{path} cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise BuildFileError(f"{path} is not UTF-8 text") from err
    except MarkedYAMLError as err:
        line = f":{err.problem_mark.line + 1}" if err.problem_mark else ""
        raise BuildFileError(f"{path}{line}: {str(err.problem or err).splitlines()[0]}") from err
    if not isinstance(tree, dict):
        raise BuildFileError(f"{path}:1: the file: should be a mapping with `steps`")
    return tree


def _plain(node: Any) -> Any:
    """The tree without the round-trip types, which pydantic does not take for their kin."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _error(path: Path, tree: Any, problems: list[Problem]) -> BuildFileError:
    lines = [
        f"{path}:{_line(tree, problem.place)}: {_spelled(problem.place)}: {problem.sentence}" for problem in problems
    ]
    return BuildFileError("\n".join(lines))


def _line(tree: Any, place: Place) -> int:
    """The line, counted from 1, of the innermost part of `place` that the file has."""
    line = 0
    node = tree
    for part in place:
        try:
            line = (node.lc.key if hasattr(node, "keys") else node.lc.item)(part)[0]
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line + 1


def _spelled(place: Place) -> str:
    """steps[0].args[2]"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".") or "the file"
