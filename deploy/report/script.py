"""A plan as a self-contained bash script with the same commands in the same order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

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

HEAD = """\
#!/usr/bin/env bash
# The commands of `make deploy` for project {project} in {region}.
# Run it from the repository's root, on the state that the plan was made for. Unlike `up`, it cannot continue after an
# interruption, and does not write deliverables.yaml.
set -euo pipefail
test -f services/models.yaml || {{ echo "Run this from the repository's root." >&2; exit 1; }}
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
mkdir -p {folder}
"""

WAIT_FOR_BUILD = """
# wait_for_build BUILD URI: waits for a build and prints its image by tag and digest.
wait_for_build() {{
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

WAIT_UNTIL_ACTIVE = """
# wait_until_active COMMAND: waits until the command prints ACTIVE.
wait_until_active() {
  while :; do
    case "$("$@")" in
      ACTIVE) return 0 ;;
      FAILED) echo "Its creation failed: $*" >&2; return 1 ;;
      *) sleep 5 ;;
    esac
  done
}
"""

BASE_URL = """
# base_url HOST
base_url() {
  case "$1" in
    localhost | localhost:* | 127.0.0.1 | 127.0.0.1:*) echo "http://$1" ;;
    *) echo "https://$1" ;;
  esac
}
"""

SMOKE_TEST = """
# smoke_test URL: requests the URL with $KEY until it returns 200, for {patience:.0f} seconds at most.
smoke_test() {{
  local status end=$((SECONDS + {patience:.0f}))
  while :; do
    status="$(printf 'header = "x-api-key: %s"\\n' "$KEY" |
      curl --config - --silent --max-time 75 --output /dev/null --write-out '%{{http_code}}' "$1" || true)"
    [ "$status" != 200 ] || return 0
    [ "$SECONDS" -lt "$end" ] || {{ echo "GET $1 returned $status." >&2; return 1; }}
    sleep 2
  done
}}
"""


def script(plan: Plan, settings: DeploySettings) -> str:
    """The plan as a script."""
    actions = [action for step in plan.steps for action in step.actions]
    builds = [action for action in actions if isinstance(action, BuildImage)]
    folder = settings.file("x").rpartition("/")[0]
    parts = [HEAD.format(project=settings.project, region=settings.region, folder=folder)]
    if builds:
        parts.append(WAIT_FOR_BUILD.format(project=shlex.quote(settings.project)))
    if any(isinstance(action, BaseUrl) for action in actions):
        parts.append(BASE_URL)
    if any(isinstance(action, WaitUntilReady) for action in actions):
        parts.append(WAIT_UNTIL_ACTIVE)
    if any(isinstance(action, SmokeTest) for action in actions):
        parts.append(SMOKE_TEST.format(patience=settings.patience))
    text = "\n".join(line for step in plan.steps for line in _step(step, builds))
    used = set(PLACEHOLDER.findall(text))
    known = [f"{name}={shlex.quote(value)}" for name, value in plan.known.items() if name in used]
    if known:
        parts.append("\n# Values that are known already.\n" + "\n".join(known) + "\n")
    return "".join(parts) + text + "\n"


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
