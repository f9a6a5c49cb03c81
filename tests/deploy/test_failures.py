"""What Google says when a deployment fails → what we do about it → what the person reads. The cases are a table."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.failures import advice, explain, failure, table


@dataclass(frozen=True)
class Row:
    """`kind` is what decides how the deployment goes on; `reads` is a part of the advice."""

    name: str
    command: str
    says: str
    kind: str
    reads: str
    retried: bool = False
    source: str = ""


ROWS = [Row(**row) for row in YAML(typ="safe", pure=True).load(Path(__file__).with_name("failure_texts.yaml"))]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_every_failure_is_known_and_explained(row: Row) -> None:
    found = failure(row.says)
    assert found.kind == row.kind
    assert (found.attempts > 1 or found.seconds > 0) == row.retried
    told = explain(tuple(row.command.split()), found, "my-project")
    assert row.reads in told
    assert re.match(r"`gcloud [a-z][\w .-]+` failed: ", told)
    assert not re.search(r"[{}]|Traceback|@type|Re-run with --force\b.*Fix this", told)
    assert "\n" not in told


def test_every_row_of_the_table_has_a_text_of_googles() -> None:
    matched = {failure(row.says).advice for row in ROWS}
    assert {row["advice"] for row in table()["failures"]} - matched == set()


def test_every_group_of_commands_has_its_role() -> None:
    denied = failure("ERROR: (x) PERMISSION_DENIED: no")
    for group, role in table()["roles"].items():
        assert role in advice(denied, "my-project", [*group.split(), "list"])


def test_prefixes_and_details_are_removed_from_the_message() -> None:
    said = (
        "Creating...\n\x1b[1;31mERROR:\x1b[0m (gcloud.projects.describe) a does not have permission: Denied. This"
        " command is authenticated as a@b which is the active account.\n"
        "- '@type': type.googleapis.com/google.rpc.Info\n"
        "  domain: googleapis.com\n  reason: X\n"
    )
    assert failure(said).message == "a does not have permission: Denied."


def test_the_reason_in_the_details_of_a_response_tells_failures_apart() -> None:
    details = [{"reason": "SERVICE_DISABLED"}]
    body = {"code": 403, "message": 'The "API"\nis off', "status": "PERMISSION_DENIED", "details": details}
    found = failure("HTTPError 403: " + json.dumps({"error": body}, indent=2))
    assert (found.kind, found.message) == ("disabled", 'PERMISSION_DENIED: The "API" is off.')


def test_a_response_that_is_no_valid_json_is_shown_without_its_escapes() -> None:
    said = r"""ERROR: (x) content <b'{"error": {"message": "It\'s \u0027off\u0027\n now"}}'>"""
    assert failure(said).message == "It's 'off' now."


def test_a_long_message_ends_at_a_word() -> None:
    assert failure("word " * 200).message.endswith("word …")


def test_googles_advice_about_propagation_is_removed() -> None:
    said = next(row.says for row in ROWS if row.kind == "disabled")
    assert failure(said).message.endswith("or it is disabled.")
