"""The accounts of a deployment, and what the plan lets each of them do."""

from __future__ import annotations

import re

import pytest

from benchmarks.harness.process import ROOT
from deploy.plan.steps import Command
from tests.deploy.deployment_fixture import Deployment

pytestmark = pytest.mark.integration


def test_every_permission_that_the_plan_grants_is_in_the_readme(deployment: Deployment) -> None:
    """Least privilege: no account has a role in the project."""
    granted = {
        (_resource(command), *_member_and_role(command))
        for command in deployment.plan().commands
        if isinstance(command, Command) and "add-iam-policy-binding" in command.argv
    }
    assert granted == {
        ("service guichet-alpha", "guichet-gateway", "roles/run.invoker"),
        ("service guichet-beta", "guichet-gateway", "roles/run.invoker"),
        ("service guichet-directory", "guichet-gateway", "roles/run.invoker"),
        ("secret guichet-document", "guichet-directory", "roles/secretmanager.secretAccessor"),
        ("secret guichet-key", "guichet-page", "roles/secretmanager.secretAccessor"),
    }
    table = _readme_table()
    assert {row[0] for row in table} == {"guichet-model", "guichet-directory", "guichet-page", "guichet-gateway"}
    for resource, member, role in granted:
        kind = re.sub(" guichet-(alpha|beta)", " of every model", resource)
        assert any(row[0] == member and role in row[2] and kind in row[2] for row in table), (resource, member, role)
    listed = {(row[0], role) for row in table for role in re.findall(r"roles/[A-Za-z.]+", row[2])}
    assert listed == {(member, role) for _, member, role in granted}
    assert next(row for row in table if row[0] == "guichet-model")[2] == "none"


def test_every_service_has_an_account_of_its_kind_and_none_the_projects_default(deployment: Deployment) -> None:
    deployment.first_up()
    accounts = {
        name.rsplit("/", 1)[-1]: resource["spec"]["template"]["spec"]["serviceAccountName"].partition("@")[0]
        for name, resource in deployment.cloud.resources.items()
        if "/services/guichet-" in name and "spec" in resource
    }
    assert accounts == {
        "guichet-alpha": "guichet-model",
        "guichet-beta": "guichet-model",
        "guichet-directory": "guichet-directory",
        "guichet-page": "guichet-page",
    }


def _resource(command: Command) -> str:
    words = [word for word in command.argv[1:] if not word.startswith("--")]
    return f"{'secret' if words[0] == 'secrets' else 'service'} {words[-1]}"


def _member_and_role(command: Command) -> tuple[str, str]:
    options: dict[str, str] = dict(
        word[2:].split("=", 1) for word in command.argv if word.startswith("--") and "=" in word
    )
    return options["member"].removeprefix("serviceAccount:").partition("@")[0], options["role"]


def _readme_table() -> list[list[str]]:
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(guichet-[a-z]+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    return [[cell.replace("`", "") for cell in row] for row in rows]
