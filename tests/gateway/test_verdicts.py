"""Whole documents and what `check` says about them.

Each file in `verdicts` is named after the source of its verdict:
- `api_compiler`: the public source of Google's importer and its test data
- `esp_v2`: examples beside the configuration that Google made of them
- `extensions`, `limitations`, `openapi_3`: pages of Google's documentation
- `reports`: error messages of Google that users have published
- `samples`: what Google's samples and tutorials deploy
- `specification`: OpenAPI 2.0, whose JSON schema Google validates documents against
Its first lines list what is reported: severity, line and rule.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from gateway.api import build_api
from gateway.api_keys import no_keys
from gateway.commands.check import check_document
from gateway.diagnostics import Diagnostic, Place, UnsupportedDocument
from gateway.document.parse import RULE, read_document
from gateway.envoy.bootstrap import resources
from gateway.rules import DEPLOYMENT_RULES, diagnostics
from gateway.rules.schema import schema_errors
from gateway.runtime import Runtime

VERDICTS = sorted(Path(__file__).with_name("verdicts").glob("*.yaml"))
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2.5,
    float("inf"),
    float("nan"),
    10**400,
    "",
    "x",
    "%ENVIRONMENT(HOME)%",
    "https://[",
    "http://x:99999",
    "/{",
    [],
    [[]],
    [None],
    {},
    {"$ref": "#/paths"},
    {"a": {}},
)


@pytest.mark.parametrize("path", VERDICTS, ids=lambda path: path.stem)
def test_a_document_gets_its_verdict(path: Path) -> None:
    try:
        found = check_document(path, with_schema=True).diagnostics
    except UnsupportedDocument as err:
        found = err.diagnostics
    assert sorted(map(line_of_verdict, found)) == sorted(expected(path))


def line_of_verdict(found: Diagnostic) -> str:
    return f"# {'error' if found.fatal else 'warning'} {found.line} {found.rule}"


def expected(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.startswith(("# error ", "# warning "))]


@pytest.mark.parametrize("count", [1000, pytest.param(4000, marks=pytest.mark.thorough)])
def test_no_mutation_of_a_document_raises_anything_but_unsupported_document(count: int) -> None:
    chance = random.Random(2)
    documents = [read_document(path).data for path in VERDICTS if RULE not in path.read_text()]
    for _ in range(count):
        mutated = deepcopy(chance.choice(documents))
        mutate(mutated, chance)
        judge(mutated)


def mutate(document: dict[str, Any], chance: random.Random) -> None:
    """Replace, rename or remove a value anywhere."""
    *above, last = chance.choice(list(places(document, ())))
    node: Any = document
    for step in above:
        node = node[step]
    kind = chance.random()
    if kind < 0.7:
        node[last] = chance.choice(VALUES)
    elif kind < 0.85:
        del node[last]
    elif isinstance(node, dict):
        node[chance.choice(["", "x-google-backend", "%41", "{}", "get", "$ref"])] = node.pop(last)


def places(node: Any, place: Place) -> Iterator[Place]:
    if place:
        yield place
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, value in steps:
        yield from places(value, (*place, step))


def judge(document: dict[str, Any]) -> None:
    found = diagnostics(document) + diagnostics(document, DEPLOYMENT_RULES) + list(schema_errors(document))
    for diagnostic in found:
        assert diagnostic.json_path
        assert "\n" not in str(diagnostic)
    if not any(diagnostic.fatal for diagnostic in diagnostics(document)):
        api = build_api(document)
        tokens = {operation.backend.audience: "T" for operation in api.operations if operation.backend.audience}
        jwks = {issuer.issuer: "{}" for issuer in api.issuers if issuer.jwks_uri is None}
        resources(api, Runtime(8080, no_keys(), id_tokens=tokens, jwks=jwks))
