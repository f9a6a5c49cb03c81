"""Reads Cloud Build files and reports, with line numbers, what Cloud Build would reject.

The fields and their types are those of Google's own message, `google.devtools.cloudbuild.v1.Build`. The rules here are
those that the message does not express.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from google.cloud.devtools.cloudbuild_v1.types import Build, BuildOptions, BuildStep
from google.protobuf import json_format

from deploy.errors import DeployError
from gateway.diagnostics import Place, UnsupportedDocument
from gateway.document.parse import Document, read_document

DAY_SECONDS = 24 * 60 * 60
# [HOST[:PORT]/]PATH[:TAG][@DIGEST]
IMAGE = re.compile(
    r"([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
SHELLS = {"ash", "bash", "dash", "sh", "zsh"}
RESERVED_PATHS = ("/workspace", "/builder/home", "/var/run/docker.sock")
# $NAME and ${NAME}; $$ is a dollar sign. Names of user-defined substitutions begin with an underscore.
REFERENCE = re.compile(r"\$\$|\$\{([A-Z_][A-Z0-9_]*)\}|\$([A-Z_][A-Z0-9_]*)")
USER_DEFINED = re.compile(r"_[A-Z0-9_]+")
# Set in every build; and set in builds that a trigger started.
BUILT_IN = {"BUILD_ID", "LOCATION", "PROJECT_ID", "PROJECT_NUMBER"} | {
    "BRANCH_NAME",
    "COMMIT_SHA",
    "REF_NAME",
    "REPO_FULL_NAME",
    "REPO_NAME",
    "REVISION_ID",
    "SERVICE_ACCOUNT",
    "SERVICE_ACCOUNT_EMAIL",
    "SHORT_SHA",
    "TAG_NAME",
    "TRIGGER_BUILD_CONFIG_PATH",
    "TRIGGER_NAME",
}
# Output-only fields.
SET_BY_CLOUD_BUILD: Mapping[Any, set[str]] = {
    Build: {"approval", "buildTriggerId", "createTime", "failureInfo", "finishTime", "id", "logUrl", "name"}
    | {"projectId", "results", "source", "sourceProvenance", "startTime", "status", "statusDetail", "timing"}
    | {"warnings"},
    BuildStep: {"exitCode", "pullTiming", "status", "timing"},
}


class BuildFileError(DeployError):
    """Cloud Build would reject the file; a line for each mistake."""


@dataclass(frozen=True)
class BuildFileMistake:
    """A mistake at a place in the file."""

    place: Place
    message: str


def read_build(path: Path, given: Mapping[str, str] | None = None) -> Any:
    """The file as a Build message, its substitutions updated with `given`; raises BuildFileError.

    Without `given`, substitutions without a value are no mistake: the submission will set them.
    """
    try:
        document = read_document(path)
    except UnsupportedDocument as err:
        lines = [f"{path}:{problem.line or 1}: {problem.message}" for problem in err.diagnostics]
        raise BuildFileError("\n".join(lines)) from err
    if mistakes := list(field_mistakes(document.data)):
        raise _error(path, document, mistakes)
    build = json_format.ParseDict(document.data, Build.pb()())
    build.substitutions.update(given or {})
    mistakes = [*step_mistakes(build), *volume_mistakes(build), *substitution_mistakes(build, given is None)]
    if given is not None and not mistakes:
        mistakes += name_mistakes(build)
    if mistakes:
        raise _error(path, document, mistakes)
    return build


def referenced(text: str) -> list[str]:
    """The substitutions in `text`, in order."""
    return [name for found in REFERENCE.finditer(text) if (name := found[1] or found[2])]


def substituted(text: str, values: Mapping[str, str]) -> str:
    """`text` with every substitution replaced by its value, or by nothing if it has none."""
    return REFERENCE.sub(lambda found: "$" if found[0] == "$$" else values.get(found[1] or found[2], ""), text)


def field_mistakes(data: Mapping[str, Any]) -> Iterator[BuildFileMistake]:
    """Unknown fields, wrong types, and fields that only Cloud Build sets."""
    # Each field by itself: the parser stops at the first mistake, and does not always say where it is.
    for place, message, field, value in _fields(data):
        if field in SET_BY_CLOUD_BUILD.get(message, ()):
            yield BuildFileMistake(place, "is set by Cloud Build")
            continue
        try:
            json_format.ParseDict({field: value}, message.pb()())
        except json_format.ParseError as err:
            text = re.sub(r"^(Failed to parse \w+ field: )+", "", str(err).splitlines()[0])
            yield BuildFileMistake(place, re.sub(r' at "?Build[\w.\[\]]*"?\.*$', "", text).rstrip("."))
    if not data.get("steps"):
        yield BuildFileMistake(("steps",), "should have at least one step")


def step_mistakes(build: Any) -> Iterator[BuildFileMistake]:
    """Names, ids, order, timeouts, and fields that exclude each other."""
    known: set[str] = set()
    limit = build.timeout.ToSeconds() or DAY_SECONDS
    if limit > DAY_SECONDS:
        yield BuildFileMistake(("timeout",), "should be 24 hours at most")
    for number, step in enumerate(build.steps):
        place: Place = ("steps", number)
        if not step.name:
            yield BuildFileMistake((*place, "name"), "is missing")
        for index, pair in enumerate(step.env):
            if not re.match(r"[^=]+=", pair):
                yield BuildFileMistake((*place, "env", index), f"should be NAME=VALUE, not {pair!r}")
        for index, other in enumerate(step.wait_for):
            if other != "-" and other not in known:
                yield BuildFileMistake((*place, "waitFor", index), f"no earlier step has the id {other!r}")
        if "-" in step.wait_for and len(step.wait_for) > 1:
            yield BuildFileMistake((*place, "waitFor"), "'-' cannot be combined with other ids")
        if step.id == "-" or step.id in known:
            yield BuildFileMistake((*place, "id"), f"{step.id!r} is used already")
        known |= {step.id} - {""}
        if step.timeout.ToSeconds() > limit:
            yield BuildFileMistake((*place, "timeout"), f"exceeds the build's timeout, {limit}s")
        if step.script and (step.args or step.entrypoint):
            yield BuildFileMistake((*place, "script"), "cannot be combined with args or entrypoint")
        if step.allow_failure and step.allow_exit_codes:
            yield BuildFileMistake((*place, "allowExitCodes"), "has no effect with allowFailure: true")


def volume_mistakes(build: Any) -> Iterator[BuildFileMistake]:
    """A volume has one path in a step and is used by at least two steps."""
    names = [name for step in build.steps for name in {volume.name for volume in step.volumes}]
    for number, step in enumerate(build.steps):
        place = ("steps", number, "volumes")
        for field in ("name", "path"):
            values = [getattr(volume, field) for volume in (*build.options.volumes, *step.volumes)]
            if twice := sorted({value for value in values if values.count(value) > 1}):
                yield BuildFileMistake(place, f"has {twice[0]} twice")
        for volume in step.volumes:
            if volume.path.rstrip("/") in RESERVED_PATHS:
                yield BuildFileMistake(place, f"{volume.path} is reserved")
            if names.count(volume.name) == 1:
                yield BuildFileMistake(place, f"no other step uses {volume.name}")


def substitution_mistakes(build: Any, open_ended: bool) -> Iterator[BuildFileMistake]:
    """Substitutions without a value, values without a use, and substitutions in shell code.

    Cloud Build accepts a substitution in shell code, but the shell would run what its value contains.
    """
    used: set[str] = set()
    strict = build.options.substitution_option == BuildOptions.SubstitutionOption.MUST_MATCH
    for place, text in _texts(json_format.MessageToDict(build), ()):
        for name in set(referenced(text)) - used:
            used.add(name)
            if not USER_DEFINED.fullmatch(name):
                if name not in BUILT_IN:
                    yield BuildFileMistake(place, f"{name} is not a built-in substitution; prefix yours with _")
            elif strict and not open_ended and name not in build.substitutions:
                yield BuildFileMistake(place, f"{name} has no value")
    for number, step in enumerate(build.steps):
        for place, text in _shell_code(step):
            if names := referenced(text):
                yield BuildFileMistake(("steps", number, *place), f"{names[0]} is in shell code: pass it in env")
    mapped = build.options.automap_substitutions or any(step.automap_substitutions for step in build.steps)
    for name in build.substitutions:
        if not USER_DEFINED.fullmatch(name):
            yield BuildFileMistake(("substitutions", name), "should be like _NAME")
        elif strict and not mapped and name not in used:
            yield BuildFileMistake(("substitutions", name), f"{name} is not used")


def name_mistakes(build: Any) -> Iterator[BuildFileMistake]:
    """Invalid image names, once the values are filled in."""
    values = dict.fromkeys(BUILT_IN, "x") | dict(build.substitutions)
    images: list[tuple[Place, str]] = [(("images", number), image) for number, image in enumerate(build.images)]
    images += [(("steps", number, "name"), step.name) for number, step in enumerate(build.steps)]
    for place, image in images:
        if not IMAGE.fullmatch(name := substituted(image, values)):
            yield BuildFileMistake(place, f"{name} is not a valid image name")


def _fields(data: Mapping[str, Any]) -> Iterator[tuple[Place, Any, str, Any]]:
    """Place, message, name and value of every field of the build, its options and its steps."""
    for field, value in data.items():
        if field == "steps" and isinstance(value, list) and all(isinstance(step, dict) for step in value):
            for number, step in enumerate(value):
                yield from ((("steps", number, name), BuildStep, name, item) for name, item in step.items())
        elif field == "options" and isinstance(value, dict):
            yield from (((field, name), BuildOptions, name, item) for name, item in value.items())
        else:
            yield (field,), Build, field, value


def _texts(node: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Every text in which Cloud Build replaces substitutions."""
    if isinstance(node, str):
        yield place, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if (*place, key) != ("substitutions",) and key not in ("id", "waitFor", "script"):
            yield from _texts(value, (*place, key))


def _shell_code(step: Any) -> Iterator[tuple[Place, str]]:
    """The texts that a shell would run."""
    if step.script:
        yield ("script",), step.script
    words = [step.entrypoint or step.name.rpartition("/")[2].partition(":")[0], *step.args]
    for index, (shell, flag) in enumerate(pairwise(words)):
        if Path(shell).name in SHELLS and re.fullmatch(r"-[a-z]*c", flag) and index + 1 < len(step.args):
            yield ("args", index + 1), step.args[index + 1]


def _error(path: Path, document: Document, mistakes: list[BuildFileMistake]) -> BuildFileError:
    return BuildFileError(
        "\n".join(f"{path}:{document.line(one.place)}: {_json_path(one.place)}: {one.message}" for one in mistakes)
    )


def _json_path(place: Place) -> str:
    """`("steps", 0, "args", 2)` -> `steps[0].args[2]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
