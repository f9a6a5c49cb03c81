"""Every gcloud command that is run, shown or recommended, through gcloud's own parser."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import shutil
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT
from deploy.api_keys import key_plan
from deploy.cloud.commands import Argv, Commands
from deploy.cloud.current_state import ApiKey, CurrentState
from deploy.failures import TABLE
from deploy.plan.rollout import TO_NEWEST, pin
from deploy.recorded_state import GatewayEntry, RecordedState
from deploy.settings import DeploySettings
from tests.deploy.gcloud_parser import refused, sdk

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sdk() is None, reason="gcloud is not installed"),
]

SETTINGS = DeploySettings("my-project", gateway_place="europe-west1")
FILES = {
    "manifest.yaml": "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\n",
    "policy.json": "[]",
    "data.json": "{}",
}
VERBS = {"write_metric": "update"}
# The words of commands that are neither commands nor options, besides those in ARGUMENTS.
OTHER_WORDS = {SETTINGS.project, SETTINGS.repository, SETTINGS.api, SETTINGS.staging}
OTHER_WORDS |= {".", "run.googleapis.com", "example-1", "latest", "project"}
# Sentences of ours that begin like commands.
SENTENCES = ("gcloud example-1", "gcloud gave", "gcloud uses")
# A value for every parameter of the methods of Commands.
ARGUMENTS: dict[str, object] = {
    "account": "a@my-project.iam.gserviceaccount.com",
    "build": "b",
    "config": "openapi-1",
    "constraint": "run.managed.requireInvokerIam",
    "consumer": "page",
    "document": "data.json",
    "email": "a@my-project.iam.gserviceaccount.com",
    "file": "data.json",
    "filter": 'resource.type="x" AND timestamp>="2026-01-01T00:00:00Z"',
    "force": True,
    "limit": 5,
    "managed_service": "m.apigateway.my-project.cloud.goog",
    "manifest": "manifest.yaml",
    "member": "serviceAccount:a@my-project.iam.gserviceaccount.com",
    "metric": "guichet-errors",
    "name": "x",
    "names": ["run.googleapis.com"],
    "options": "--to-revisions=x-1=10,x-2=90",
    "policy": "policy.json",
    "purpose": "Guichet: runs the models",
    "revision": "x-00001-abc",
    "role": "roles/run.invoker",
    "secret": "s",
    "service": "x",
    "staging": "gs://b/x",
    "substitutions": {"_A": "1"},
    "uri": "us-central1-docker.pkg.dev/my-project/r/i",
    "verb": "add",
    "version": "1",
}


def every_command() -> dict[str, Argv]:
    """The command of every public method of Commands, and its variants; a new parameter needs a value above."""
    commands, found = Commands(SETTINGS), dict[str, Argv]()
    for name, method in inspect.getmembers(commands, inspect.ismethod):
        if name.startswith("_"):
            continue
        given = [
            VERBS.get(name, ARGUMENTS[parameter]) if parameter == "verb" else ARGUMENTS[parameter]
            for parameter in inspect.signature(method).parameters
            if parameter != "force"
        ]
        found[name] = method(*given)
    return {
        **found,
        "disable --force": commands.disable("run.googleapis.com", force=True),
        "promote": commands.send_traffic("x", *TO_NEWEST),
        "abort": commands.send_traffic("x", *pin("x-00001-abc")),
        "revoke a role": commands.grant_role("roles/run.invoker", "user:a@example.com", "remove"),
        "create a metric": commands.write_metric("guichet-errors", "data.json", "create"),
    }


def in_source() -> list[list[str]]:
    """The commands that are written out elsewhere: those of tuples, and those in strings, which people read."""
    found = []
    for path in {*(ROOT / "deploy").rglob("*.py")} - {Path(inspect.getfile(Commands))}:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            if isinstance(node, ast.Tuple) and [text(word) for word in node.elts[:1]] == ["gcloud"]:
                found.append([text(word) for word in node.elts])
            elif id(node) not in docstrings | parts and " " in text(node):
                lines = re.findall(r"(?:^|`|: +|\$\()(gcloud \S.*?)(?:`|  #|\)?$)", text(node), re.MULTILINE)
                found += [shlex.split(line) for line in lines if not line.startswith(SENTENCES)]
    return found


def text(node: ast.AST) -> str:
    """The text of a string in the source; empty for anything else, and an example for an expression within it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\b[A-Z][A-Z_]{3,}\b", "example-1", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) or "example-1" for part in node.values)
    return "example-1" if isinstance(node, ast.Name) else ""


def written_in(path: Path) -> list[list[str]]:
    """The commands that a text recommends, in backquotes or on lines of their own."""
    text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
    lines = re.findall(r"`\s*(gcloud [^`]+?)`|^[#\s]*(gcloud [a-z].+)$", text, re.MULTILINE)
    found = []
    for line in (one or other for one, other in lines):
        words = re.sub(
            r"\$\([^)]*\)|\{[a-z]+\}|\$\w+|\b[A-Z][A-Z_]{3,}\b", "example-1", line.replace("\n", " ")
        ).partition("#")[0]
        found.append(shlex.split(re.split(r" \|(?: |$)", words)[0]))
    return [words for words in found if len(words) > 2 and not {"…", "..."} & set(words)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the commands name."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy/cleanup_policy.json", tmp_path / "deploy")
    return tmp_path


def test_gcloud_accepts_every_command_line(folder: Path) -> None:
    assert len(in_source()) > 18
    assert refused([*every_command().values(), *in_source()], folder) == ""


def test_a_replication_policy_which_the_parser_does_not_check_is_one_of_gclouds() -> None:
    root = sdk()
    assert root
    source = (root / "lib/surface/secrets/create.py").read_text(encoding="utf-8")
    (policy,) = [word.partition("=")[2] for word in Commands(SETTINGS).create_secret("s") if "policy" in word]
    assert f'"{policy}"' in source


def test_gcloud_accepts_the_commands_of_keys(folder: Path) -> None:
    key = ApiKey("guichet-someone-1", False, (), "someone")
    recorded = RecordedState(gateway=GatewayEntry(managed_service="m"))
    plan = key_plan(CurrentState(keys={key.name: key}), recorded, SETTINGS, "", "someone", "", "20260101-000000")
    lines = [action.argv for step in plan.steps for action in step.actions if hasattr(action, "argv")]
    assert refused(lines, folder) == ""


def test_gcloud_accepts_every_command_that_is_recommended(folder: Path) -> None:
    places = [
        TABLE,
        ROOT / "README.md",
        *(ROOT / "deploy").glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
    ]
    places += [ROOT / "docs/deploy-workflow.yml", ROOT / "cloudbuild/README.md", ROOT / "deploy/report/script.sh"]
    lines = [line for path in places if path.exists() for line in written_in(path)]
    assert len(lines) > 5
    assert refused(lines, folder) == ""


@pytest.mark.thorough
def test_every_misspelt_option_and_command_is_found(folder: Path) -> None:
    values = {*(str(value) for name, value in ARGUMENTS.items() if name != "verb"), *OTHER_WORDS}
    mutants: list[tuple[str, ...]] = []
    for argv in [*every_command().values(), *map(tuple, in_source())]:
        for index, word in enumerate(argv[1:], 1):
            name, equals, value = word.partition("=")
            if word.startswith("--") or word not in values:
                mutants.append((*argv[:index], f"{name}x{equals}{value}", *argv[index + 1 :]))
    assert len(mutants) > 350
    complaints = refused(mutants, folder)
    assert [line for line in map(" ".join, mutants) if f"refused: {line}" not in complaints] == []
