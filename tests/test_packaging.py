"""Versions, lock files and workflows agree with pyproject.toml, and CHANGELOG with both."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.harness.process import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
OTHER_ENVIRONMENTS = {"benchmark", "clients"}  # of their own, and not locked


def release_notes() -> ModuleType:
    """The program `.ci/release_notes.py`, which is not in a package."""
    spec = importlib.util.spec_from_file_location("release_notes", ROOT / ".ci" / "release_notes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins() -> dict[str, str]:
    """The pinned version of each direct dependency of .venv, without extras, as lock files spell the names."""
    groups: dict[str, list[object]] = PYPROJECT["dependency-groups"]
    requirements = [
        entry
        for group in groups
        if group not in OTHER_ENVIRONMENTS
        for entry in groups[group]
        if isinstance(entry, str)
    ]
    return {
        re.sub(r"[-_.]+", "-", re.sub(r"\[.*\]", "", name)).lower(): version
        for name, _, version in (requirement.partition("==") for requirement in requirements)
    }


def test_the_lock_of_the_development_environment_has_every_pinned_version() -> None:
    text = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z][\w.-]*)==(\S+)", text, re.MULTILINE))
    torch = dict(line.split("==") for line in (ROOT / "services" / "torch.txt").read_text(encoding="utf-8").split())
    missing = {name: version for name, version in pins().items() if (locked | torch).get(name) != version}
    assert not missing, "run `make lock`"


def test_no_lock_names_an_index() -> None:
    for path in [*ROOT.glob("*.lock"), *ROOT.glob("*/*.lock")]:
        assert "://" not in path.read_text(encoding="utf-8"), path


def test_the_newest_entry_of_the_changelog_is_the_version_in_pyproject() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, notes = release_notes().newest_release(changelog)
    assert newest == PYPROJECT["project"]["version"]
    assert notes


def test_the_gateway_and_the_document_of_the_api_have_the_version_of_the_project() -> None:
    distribution = tomllib.loads((ROOT / "gateway" / "pyproject.toml").read_text(encoding="utf-8"))
    document = (ROOT / "gateway" / "openapi.yaml").read_text(encoding="utf-8")
    versions = [distribution["project"]["version"], *re.findall(r"^  version: (.+)$", document, re.MULTILINE)]
    assert versions == [PYPROJECT["project"]["version"]] * 2


def test_release_notes_are_the_newest_released_section_alone() -> None:
    changelog = (
        "# Changelog\n\n## [Unreleased]\n\n- c\n\n## [1.1.0] – 2026-02-01\n\n- b\n\n## [1.0.0] – 2026-01-01\n\n- a\n"
    )
    assert release_notes().newest_release(changelog) == ("1.1.0", "- b")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_pins_actions_by_commit_and_names_their_version(workflow: Path) -> None:
    uses = re.findall(r"uses: (.+)", workflow.read_text(encoding="utf-8"))
    assert uses
    assert [use for use in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []
