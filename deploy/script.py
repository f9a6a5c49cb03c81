"""A plan as a bash script that runs alone: the same commands in the same order, with files and values of its own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from deploy.settings import Settings
from deploy.steps import (
    PACKED,
    PLACEHOLDER,
    Action,
    Build,
    Command,
    Conclude,
    Fingerprint,
    Origin,
    Plan,
    Prove,
    Step,
    Write,
    value_name,
)

HEAD = """\
#!/usr/bin/env bash
# What `make deploy` would do to project {project} in {region}, as commands.
# It runs alone, from the repository's root, on the state that the plan was made for. Only `up` itself goes on after an
# interruption, and keeps deliverables.yaml.
set -euo pipefail
test -f services/models.yaml || {{ echo "Run this from the repository's root." >&2; exit 1; }}
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
mkdir -p {folder}
"""

BUILT = """
# built BUILD URI: waits for a build and prints its image by tag and digest.
built() {{
  while :; do
    case "$(gcloud builds describe "$1" --project={project} --format='value(status)')" in
      SUCCESS) break ;;
      PENDING | QUEUED | WORKING) sleep 5 ;;
      *) echo "Build $1 failed: gcloud builds log $1 --project={project}" >&2; return 1 ;;
    esac
  done
  gcloud builds describe "$1" --project={project} --flatten='results.images[]' \\
    --format='value(results.images.name,results.images.digest)' |
    awk -v tag="$2:$1" '$1 == tag {{ print $1 "@" $2 }}'
}}
"""

ORIGIN = """
# origin HOST: its address.
origin() {
  case "$1" in
    localhost | localhost:* | 127.0.0.1 | 127.0.0.1:*) echo "http://$1" ;;
    *) echo "https://$1" ;;
  esac
}
"""

PROVEN = """
# proven URL: asks with $KEY until the answer is 200, for {patience:.0f} seconds at most.
proven() {{
  local status end=$((SECONDS + {patience:.0f}))
  while :; do
    status="$(printf 'header = "x-api-key: %s"\\n' "$KEY" |
      curl --config - --silent --max-time 75 --output /dev/null --write-out '%{{http_code}}' "$1" || true)"
    [ "$status" != 200 ] || return 0
    [ "$SECONDS" -lt "$end" ] || {{ echo "GET $1 answered $status." >&2; return 1; }}
    sleep 2
  done
}}
"""


def script(plan: Plan, settings: Settings) -> str:
    """The script."""
    actions = [action for step in plan.steps for action in step.actions]
    builds = [action for action in actions if isinstance(action, Build)]
    folder = settings.file("x").rpartition("/")[0]
    parts = [HEAD.format(project=settings.project, region=settings.region, folder=folder)]
    if builds:
        parts.append(BUILT.format(project=shlex.quote(settings.project)))
    if any(isinstance(action, Origin) for action in actions):
        parts.append(ORIGIN)
    if any(isinstance(action, Prove) for action in actions):
        parts.append(PROVEN.format(patience=settings.patience))
    text = "\n".join(line for step in plan.steps for line in _step(step, builds))
    used = set(PLACEHOLDER.findall(text))
    known = [f"{name}={shlex.quote(value)}" for name, value in plan.known.items() if name in used]
    if known:
        parts.append("\n# What is there already.\n" + "\n".join(known) + "\n")
    return "".join(parts) + text + "\n"


def typed(argv: Iterable[str]) -> str:
    """A command line as a person types it; placeholders are the shell's variables."""
    return " ".join(quoted(word) for word in argv)


def quoted(word: str) -> str:
    """A word for the shell, in which placeholders are expanded and nothing else is."""
    if not PLACEHOLDER.search(word):
        return shlex.quote(word)
    if PLACEHOLDER.fullmatch(word) or re.fullmatch(r"[\w./:=@${}-]+", PLACEHOLDER.sub("", word)):
        return f'"{word}"'
    return '"' + re.sub(r"""[\\"`]|\$(?!\{[A-Z][A-Z0-9_]*\})""", r"\\\g<0>", word) + '"'


def _step(step: Step, builds: list[Build]) -> Iterator[str]:
    yield ""
    yield f"# {step.verb} {step.what}" + (f": {step.why}" if step.why else "")
    for action in step.actions:
        if builds and action is builds[0]:
            # All builds run at the same time; only then is the first one waited for.
            for build in builds:
                yield f"{_build_name(build)}={quoted(build.build) if build.build else _captured(build.argv)}"
        yield from _lines(action)


def _lines(action: Action) -> Iterator[str]:
    match action:
        case Write():
            yield from _written(action)
        case Command():
            yield from _command(action)
        case Fingerprint():
            yield f'{action.yields}="{action.prefix}$(sha256sum < {quoted(action.path)} | cut -c1-12)"'
        case Origin():
            yield f'{action.yields}="$(origin {quoted(action.host)})"'
        case Build():
            name = _build_name(action)
            yield f'{action.yields}="$(built "${{{name}%%[[:space:]]*}}" {quoted(action.uri)})"'
        case Prove():
            yield f"KEY={_captured(action.key)}"
            undo = f"{typed(action.undo)}; exit 1" if action.undo else "exit 1"
            for route in action.routes:
                yield f"proven {quoted(action.address + route)} || {{ {undo}; }}"
        case Conclude():
            pass


def _command(command: Command) -> Iterator[str]:
    run = typed(command.argv)
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


def _written(write: Write) -> Iterator[str]:
    """A here-document; in one with placeholders everything else that the shell would expand is escaped."""
    text, end = write.text.rstrip("\n"), "END-OF-FILE"
    into = "gzip -9n | base64 -w0" if write.path.endswith(PACKED) else "cat"
    if PLACEHOLDER.search(text):
        text = re.sub(r"[\\`]|\$(?!\{[A-Z][A-Z0-9_]*\})", r"\\\g<0>", text)
    else:
        end = f"'{end}'"
    yield f"{into.replace(' |', f' << {end} |')} > {quoted(write.path)}" + ("" if "|" in into else f" << {end}")
    yield text
    yield end.strip("'")


def _build_name(build: Build) -> str:
    return value_name("build", build.image)


def _captured(argv: Iterable[str]) -> str:
    return f'"$({typed(argv)})"'
