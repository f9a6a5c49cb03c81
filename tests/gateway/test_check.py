"""`python -m gateway check`: every mistake, with its place and a remedy, in one pass."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.check import checked
from gateway.problems import UnsupportedSpec, json_path
from gateway.routes import read_api
from gateway.rules import problems
from tests.gateway.serving import API_KEY, backend, document, operation
from tests.running import ROOT

HERE = "https://x.test"
JWT = {
    "type": "oauth2",
    "flow": "implicit",
    "authorizationUrl": "",
    "x-google-issuer": "https://issuer.test",
    "x-google-jwks_uri": "https://issuer.test/keys",
    "x-google-audiences": "a",
}
GET = "paths", "/x", "get"


def good(**more: Any) -> dict[str, Any]:
    return document({"/x": {"get": operation(HERE, key=True)}}, securityDefinitions=dict(API_KEY), **more)


def with_get(**fields: Any) -> dict[str, Any]:
    found = good()
    found["paths"]["/x"]["get"] |= fields
    return found


def with_backend(**fields: Any) -> dict[str, Any]:
    return with_get(**{"x-google-backend": {**backend(HERE), **fields}})


def with_path(path: str, **item: Any) -> dict[str, Any]:
    found = good()
    found["paths"][path] = {"get": {**operation(HERE), "responses": {"200": {"description": "ok"}}}, **item}
    return found


def without(*place: str) -> dict[str, Any]:
    found = good()
    node = found
    for key in place[:-1]:
        node = node[key]
    del node[place[-1]]
    return found


def with_scheme(scheme: dict[str, Any], **more: Any) -> dict[str, Any]:
    return with_get(security=[{"s": []}]) | {"securityDefinitions": {"s": scheme}} | more


def with_quota(costs: Any = None, *, metrics: Any = None, **limit: Any) -> dict[str, Any]:
    found = with_get(**{"x-google-quota": {"metricCosts": {"m": 1} if costs is None else costs}})
    written = {"name": "l", "metric": "m", "unit": "1/min/{project}", "values": {"STANDARD": 5}} | limit
    found["x-google-management"] = {
        "metrics": [{"name": "m"}] if metrics is None else metrics,
        "quota": {"limits": [written]},
    }
    return found


def parameter(name: str, where: str = "path", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "type": "string", "required": where == "path", **more}


# What is wrong, where it is said to be, and a word that the sentence or the remedy must hold.
Row = tuple[dict[str, Any], tuple[str | int, ...], str]
ERRORS: dict[str, Row] = {
    # The document.
    "openapi-3": ({"openapi": "3.0.0", "info": {}, "paths": {}}, ("openapi",), "OpenAPI 2.0"),
    "swagger-missing": (without("swagger"), ("swagger",), "missing"),
    "swagger-as-a-number": (good() | {"swagger": 2.0}, ("swagger",), "quotes"),
    "no-title": (without("info", "title"), ("info", "title"), "missing"),
    "no-version": (without("info", "version"), ("info", "version"), "missing"),
    "version-as-a-number": (good() | {"info": {"title": "t", "version": 1.0}}, ("info", "version"), "quotes"),
    "no-info": (without("info"), ("info",), "title is missing"),
    "port-in-host": (good(host="x.test:8080"), ("host",), "port"),
    "scheme-in-host": (good(host="https://x.test"), ("host",), "more than a name"),
    "base-path-without-slash": (good(basePath="v1"), ("basePath",), "begin with '/'"),
    "base-path-with-a-variable": (good(basePath="/{v}"), ("basePath",), "variable"),
    "websockets": (good(schemes=["https", "wss"]), ("schemes", 1), "wss"),
    "everything-allowed": (good(**{"x-google-allow": "all"}), ("x-google-allow",), "does not define"),
    # References.
    "external-file": (
        with_get(responses={"200": {"$ref": "other.yaml#/ok"}}),
        (*GET, "responses", "200", "$ref"),
        "out of the document",
    ),
    "external-url": (
        with_get(parameters=[{"$ref": "https://x.test/p.yaml"}]),
        (*GET, "parameters", 0, "$ref"),
        "out of the document",
    ),
    "reference-to-nothing": (
        with_get(responses={"200": {"description": "ok", "schema": {"$ref": "#/definitions/Nope"}}}),
        (*GET, "responses", "200", "schema", "$ref"),
        "nowhere",
    ),
    # Paths.
    "no-paths": (without("paths"), ("paths",), "no paths"),
    "empty-paths": (good() | {"paths": {}}, ("paths",), "no paths"),
    "relative-path": (with_path("y"), ("paths", "y"), "begin with '/'"),
    "partial-segment": (with_path("/prefix_{id}"), ("paths", "/prefix_{id}"), "in part"),
    "partial-segment-with-suffix": (with_path("/{id}.json"), ("paths", "/{id}.json"), "in part"),
    "two-variables-in-a-segment": (with_path("/{a}-{b}"), ("paths", "/{a}-{b}"), "in part"),
    "variable-after-rest": (with_path("/{a=**}/{b}"), ("paths", "/{a=**}/{b}"), "last variable"),
    "variable-twice": (with_path("/{a}/{a}"), ("paths", "/{a}/{a}"), "twice"),
    "variable-without-a-name": (with_path("/{}"), ("paths", "/{}"), "no name"),
    "braces-left-open": (with_path("/{a"), ("paths", "/{a"), "braces"),
    "unreachable-double-slash": (with_path("/a//b"), ("paths", "/a//b"), "never be reached"),
    "unreachable-dots": (with_path("/a/../b"), ("paths", "/a/../b"), "never be reached"),
    "unreachable-encoding": (with_path("/%41"), ("paths", "/%41"), "write 'A'"),
    "unreachable-space": (with_path("/a b"), ("paths", "/a b"), "percent-encode"),
    "unreachable-umlaut": (with_path("/für"), ("paths", "/für"), "percent-encode"),
    "unreachable-query": (with_path("/a?b=c"), ("paths", "/a?b=c"), "query"),
    "unreachable-fragment": (with_path("/a#b"), ("paths", "/a#b"), "fragment"),
    "unreachable-twin": (
        document({"/{a}": {"get": operation(HERE)}, "/{b}": {"get": operation(HERE)}}),
        ("paths", "/{b}", "get"),
        "same paths",
    ),
    "unreachable-but-for-a-slash": (with_path("/x/"), ("paths", "/x/", "get"), "same paths"),
    "path-item-is-no-mapping": (good() | {"paths": {"/x": None}}, ("paths", "/x"), "no mapping"),
    "path-item-elsewhere": (
        good() | {"paths": {"/x": {"$ref": "#/definitions/x"}}, "definitions": {"x": {}}},
        ("paths", "/x", "$ref"),
        "whole path",
    ),
    "unknown-method": (with_path("/y", trace={}), ("paths", "/y", "trace"), "no method"),
    "method-in-capitals": (with_path("/y", POST={}), ("paths", "/y", "POST"), "lower case"),
    # Operations.
    "operation-id-twice": (
        document(
            {
                "/x": {"get": {**operation(HERE), "operationId": "same"}},
                "/y": {"get": {**operation(HERE), "operationId": "same"}},
            }
        ),
        ("paths", "/y", "get", "operationId"),
        "also the id of",
    ),
    "no-responses": (without(*GET, "responses"), GET, "no responses"),
    "empty-responses": (with_get(responses={}), (*GET, "responses"), "no responses"),
    "odd-status": (with_get(responses={"2xx": {"description": "ok"}}), (*GET, "responses", "2xx"), "no status"),
    "response-without-description": (with_get(responses={"200": {}}), (*GET, "responses", "200"), "description"),
    # Parameters.
    "path-parameter-not-declared": (with_path("/y/{id}"), ("paths", "/y/{id}", "get"), "'id' is not declared"),
    "path-parameter-not-in-the-path": (with_get(parameters=[parameter("id")]), GET, "does not have"),
    "path-parameter-not-required": (
        with_path("/y/{id}", parameters=[parameter("id", required=False)]),
        ("paths", "/y/{id}", "parameters", 0),
        "required: true",
    ),
    "parameter-without-name": (with_get(parameters=[{"in": "query"}]), (*GET, "parameters", 0), "no `name`"),
    "parameter-in-a-cookie": (with_get(parameters=[parameter("a", "cookie")]), (*GET, "parameters", 0), "`in`"),
    "parameter-twice": (
        with_get(parameters=[parameter("a", "query"), parameter("a", "query")]),
        (*GET, "parameters", 1),
        "twice",
    ),
    "parameter-without-type": (
        with_get(parameters=[{"name": "a", "in": "query"}]),
        (*GET, "parameters", 0),
        "no type",
    ),
    "two-bodies": (
        with_get(parameters=[{"name": name, "in": "body", "schema": {}} for name in "ab"]),
        GET,
        "2 body parameters",
    ),
    "body-and-form": (
        with_get(parameters=[{"name": "a", "in": "body", "schema": {}}, parameter("b", "formData")]),
        GET,
        "both a body and form",
    ),
    "body-without-schema": (with_get(parameters=[{"name": "a", "in": "body"}]), (*GET, "parameters", 0), "no schema"),
    # Backends.
    "no-backend": (without(*GET, "x-google-backend"), GET, "no backend"),
    "backend-is-no-mapping": (with_get(**{"x-google-backend": HERE}), (*GET, "x-google-backend"), "no mapping"),
    "address-missing": (
        with_get(**{"x-google-backend": {"path_translation": "CONSTANT_ADDRESS"}}),
        (*GET, "x-google-backend"),
        "no address",
    ),
    "address-missing-on-the-document": (
        good(**{"x-google-backend": {"deadline": 5.0}}),
        ("x-google-backend",),
        "no address",
    ),
    "address-without-scheme": (
        with_backend(address="x.test/y"),
        (*GET, "x-google-backend", "address"),
        "write https://x.test/y",
    ),
    "address-without-host": (with_backend(address="https:///y"), (*GET, "x-google-backend", "address"), "host"),
    "address-with-a-bad-port": (with_backend(address="http://x:99999"), (*GET, "x-google-backend", "address"), "port"),
    "address-with-a-query": (with_backend(address=f"{HERE}/?a=b"), (*GET, "x-google-backend", "address"), "query"),
    "address-with-a-password": (with_backend(address="http://u:p@x"), (*GET, "x-google-backend", "address"), "host"),
    "grpc-address": (with_backend(address="grpcs://x.test"), (*GET, "x-google-backend", "address"), "gRPC"),
    "unknown-translation": (
        with_backend(path_translation="APPEND"),
        (*GET, "x-google-backend", "path_translation"),
        "CONSTANT_ADDRESS or APPEND_PATH_TO_ADDRESS",
    ),
    "deadline-as-text": (with_backend(deadline="30s"), (*GET, "x-google-backend", "deadline"), "number of seconds"),
    "deadline-is-true": (with_backend(deadline=True), (*GET, "x-google-backend", "deadline"), "number of seconds"),
    "unknown-protocol": (with_backend(protocol="h3"), (*GET, "x-google-backend", "protocol"), "http/1.1 or h2"),
    "disable-auth-as-text": (with_backend(disable_auth="yes"), (*GET, "x-google-backend", "disable_auth"), "true or"),
    "audience-is-no-string": (
        with_backend(disable_auth=False, jwt_audience=5),
        (*GET, "x-google-backend", "jwt_audience"),
        "no string",
    ),
    "unknown-field-of-a-backend": (with_backend(timeout=5), (*GET, "x-google-backend", "timeout"), "no field"),
    # Security.
    "undefined-scheme": (with_get(security=[{"nope": []}]), (*GET, "security", 0, "nope"), "not defined"),
    "undefined-scheme-of-the-document": (
        document({"/x": {"get": operation(HERE)}}, security=[{"nope": []}]),
        ("security", 0, "nope"),
        "not defined",
    ),
    "key-or-token": (
        with_get(security=[{"api_key": []}, {"jwt": []}]) | {"securityDefinitions": {**API_KEY, "jwt": JWT}},
        (*GET, "security"),
        "(OR)",
    ),
    "key-or-nothing": (with_get(security=[{"api_key": []}, {}]), (*GET, "security"), "(OR)"),
    "security-is-no-list": (with_get(security={"api_key": []}), (*GET, "security"), "no list"),
    "scopes-are-no-list": (with_get(security=[{"api_key": None}]), (*GET, "security", 0, "api_key"), "no list"),
    "basic-authentication": (with_scheme({"type": "basic"}), ("securityDefinitions", "s"), "not supported"),
    "openid-connect": (with_scheme({"type": "openIdConnect"}), ("securityDefinitions", "s", "type"), "no type"),
    "no-issuer": (
        with_scheme({name: value for name, value in JWT.items() if name != "x-google-issuer"}),
        ("securityDefinitions", "s"),
        "no issuer",
    ),
    "keys-at-no-url": (
        with_scheme(JWT | {"x-google-jwks_uri": "keys.json"}),
        ("securityDefinitions", "s", "x-google-jwks_uri"),
        "no URL",
    ),
    "audiences-as-a-list": (
        with_scheme(JWT | {"x-google-audiences": ["a"]}),
        ("securityDefinitions", "s", "x-google-audiences"),
        "commas",
    ),
    "token-nowhere": (
        with_scheme(JWT | {"x-google-jwt-locations": [{"cookie": "a"}]}),
        ("securityDefinitions", "s", "x-google-jwt-locations", 0),
        "where a token is",
    ),
    # Quotas.
    "metric-not-defined": (with_quota({"n": 1}), (*GET, "x-google-quota", "metricCosts", "n"), "not defined"),
    "cost-of-zero": (with_quota({"m": 0}), (*GET, "x-google-quota", "metricCosts", "m"), "from 1"),
    "no-costs": (with_quota({}), (*GET, "x-google-quota"), "no costs"),
    "metric-twice": (
        with_quota(metrics=[{"name": "m"}, {"name": "m"}]),
        ("x-google-management", "metrics", 1),
        "twice",
    ),
    "metric-without-name": (
        with_quota(metrics=[{"name": "m"}, {}]),
        ("x-google-management", "metrics", 1),
        "no name",
    ),
    "limit-of-another-metric": (
        with_quota(metric="n"),
        ("x-google-management", "quota", "limits", 0),
        "not defined",
    ),
    "limit-per-day": (
        with_quota(unit="1/d/{project}"),
        ("x-google-management", "quota", "limits", 0),
        "1/min/{project}",
    ),
    "limit-without-value": (with_quota(values={}), ("x-google-management", "quota", "limits", 0), "STANDARD"),
    "limit-of-zero": (with_quota(values={"STANDARD": 0}), ("x-google-management", "quota", "limits", 0), "1 or more"),
}
WARNINGS: dict[str, Row] = {
    "path-that-ends-in-a-slash": (with_path("/y/"), ("paths", "/y/"), "write /y"),
    "translation-not-written-out": (
        with_get(**{"x-google-backend": {"address": HERE, "disable_auth": True}}),
        (*GET, "x-google-backend"),
        "CONSTANT_ADDRESS holds",
    ),
    "deadline-of-zero": (with_backend(deadline=0), (*GET, "x-google-backend", "deadline"), "15 s"),
    "audience-with-a-path": (
        with_backend(address=f"{HERE}/predict", disable_auth=False),
        (*GET, "x-google-backend"),
        "Cloud Run refuses",
    ),
    "audience-that-is-never-sent": (with_backend(jwt_audience=HERE), (*GET, "x-google-backend"), "no token is sent"),
    "key-in-another-header": (
        with_scheme({"type": "apiKey", "in": "header", "name": "x-key"}),
        ("securityDefinitions", "s"),
        "does not look",
    ),
    "no-audiences": (
        with_scheme({name: value for name, value in JWT.items() if name != "x-google-audiences"}),
        ("securityDefinitions", "s"),
        "names no audiences",
    ),
    "quota-without-a-key": (with_quota() | {"securityDefinitions": {}}, (*GET, "x-google-quota"), "nothing is limited"),
    "metric-without-limit": (
        with_quota({"n": 1}, metrics=[{"name": "m"}, {"name": "n"}]),
        (*GET, "x-google-quota", "metricCosts", "n"),
        "no limit",
    ),
    "misspelt-extension": (with_get(**{"x-google-qouta": {}}), (*GET, "x-google-qouta"), "spelling"),
    "endpoints": (good(**{"x-google-endpoints": []}), ("x-google-endpoints",), "Cloud Endpoints"),
}
WARNINGS["quota-without-a-key"][0]["paths"]["/x"]["get"]["security"] = []


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_found_and_placed_and_keeps_the_document_from_running(row: Row) -> None:
    broken, place, word = row
    found = [problem for problem in problems(broken) if problem.fatal]
    assert place in {problem.place for problem in found}, found
    assert any(word in f"{problem.message} {problem.remedy}" for problem in found if problem.place == place), found
    with pytest.raises(UnsupportedSpec) as refusal:
        read_api(broken)
    assert json_path(place) in str(refusal.value)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_what_is_only_doubtful_is_warned_about_and_runs(row: Row) -> None:
    doubtful, place, word = row
    [found] = problems(doubtful)
    assert (found.place, found.fatal) == (place, False)
    assert word in f"{found.message} {found.remedy}"
    assert read_api(doubtful).routes


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(good, id="plain"),
        pytest.param(lambda: with_scheme(JWT), id="token"),
        pytest.param(
            lambda: with_get(security=[{"a": []}, {"b": []}]) | {"securityDefinitions": {"a": JWT, "b": JWT}},
            id="one-token-or-another",
        ),
        pytest.param(lambda: with_get(security=[]), id="open"),
        pytest.param(
            lambda: good() | {"securityDefinitions": {**API_KEY, "unused": {"type": "basic"}}},
            id="what-is-not-used-does-not-count",
        ),
        pytest.param(with_quota, id="quota"),
        pytest.param(lambda: with_get(parameters=[{"$ref": "#/parameters/a"}]) | PARAMETERS, id="shared-parameter"),
        pytest.param(lambda: with_path("/y/{id=**}", parameters=[parameter("id")]), id="rest"),
        pytest.param(lambda: with_path("/y/{id}:stop", parameters=[parameter("id")]), id="verb"),
        pytest.param(lambda: good(host="x.test", basePath="/v1", schemes=["http", "https"]), id="host"),
        pytest.param(lambda: with_get(responses={"default": {"description": "ok"}}), id="default-response"),
    ],
)
def test_a_good_document_has_no_problems(document: Callable[[], dict[str, Any]]) -> None:
    assert problems(document()) == []


PARAMETERS = {"parameters": {"a": parameter("a", "query")}}


def cli(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "check", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_everything_is_said_at_once_with_lines_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(
        """\
swagger: "2.0"
info: {title: t, version: 1.0.0}
host: api.example:443
paths:
  /v1/item_{id}:
    get:
      operationId: same
      x-google-backend: {address: "https://x.test", path_translation: APPEND}
      responses: {"200": {description: ok}}
  /v1/things:
    get:
      operationId: same
      x-google-backend:
        path_translation: CONSTANT_ADDRESS
      responses: {"200": {$ref: "other.yaml#/ok"}}
      security: [{api_key: []}]
      sumary: a field that OpenAPI does not have
"""
    )
    run = cli(path)
    assert run.returncode == 1
    errors = [line.removeprefix(f"{path}:") for line in run.stderr.splitlines() if line.startswith(f"{path}:")]
    assert [line.split(": error: ", 1) for line in errors[:-1]] == [
        ["3", "$.host: 'api.example:443' has a port, which Google refuses"],
        ["5", "$.paths['/v1/item_{id}']: has the segment 'item_{id}', which is a variable in part only"],
        ["8", "$.paths['/v1/item_{id}'].get.x-google-backend.path_translation: 'APPEND' is no path translation"],
        ["12", "$.paths['/v1/things'].get.operationId: 'same' is also the id of get of '/v1/item_{id}'"],
        ["13", "$.paths['/v1/things'].get.x-google-backend: has no address"],
        [
            "15",
            "$.paths['/v1/things'].get.responses['200'].$ref:"
            " 'other.yaml#/ok' leads out of the document, which Google refuses",
        ],
        ["16", "$.paths['/v1/things'].get.security[0].api_key: 'api_key' is not defined"],
        ["17", "$.paths['/v1/things'].get.sumary: is no field of OpenAPI 2.0"],
    ]
    assert "    write api.example" in run.stderr
    assert errors[-1].strip() == "8 errors"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        pytest.param("", None, "is empty", id="empty"),
        pytest.param("a: [1,\n  2\nb: 2", 3, "neither YAML nor JSON", id="syntax"),
        pytest.param('{"a": 1,}}', 1, "neither YAML nor JSON", id="json-syntax"),
        pytest.param("- 1\n", 1, "not a mapping", id="list"),
        pytest.param('swagger: "2.0"\nswagger: "2.0"\n', 2, "twice, first in line 1", id="key-twice"),
        pytest.param("a: !secret x\n", 1, "!secret", id="tag"),
        pytest.param("? [a]\n: b\n", 1, "no plain word", id="key-is-a-list"),
        pytest.param("a: &a 1\nb: [" + "*a," * 201 + "]\n", 1, "201 YAML aliases", id="too-many-aliases"),
        pytest.param("a: &a\n  b: *a\n", 1, "without end", id="alias-of-itself"),
        pytest.param(
            "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 20)),
            1,
            "without end",
            id="a-billion-laughs",
        ),
        pytest.param("[" * 5000, None, "", id="nested-too-deeply"),
        pytest.param('{"a": ' * 3000 + "1" + "}" * 3000, None, "", id="json-nested-too-deeply"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path: Path, text: str, line: int | None, word: str) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(text)
    with pytest.raises(UnsupportedSpec) as refusal:
        checked(path)
    [problem] = refusal.value.problems
    assert word in problem.message
    if line is not None:
        assert problem.line == line


def test_two_hundred_aliases_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(json.dumps(good())[:-1] + ', "x-a": &a 1, "x-b": [' + ",".join(["*a"] * 200) + "]}")
    assert checked(path).problems == ()


def test_a_good_document_is_said_to_be_good(tmp_path: Path) -> None:
    path = tmp_path / "api.json"
    path.write_text(json.dumps(good(), indent="\t"))
    run = cli(path)
    assert (run.returncode, run.stdout, run.stderr) == (0, f"{path}: can be deployed\n", "")


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    run = cli(tmp_path / "nope.yaml")
    assert run.returncode == 1
    assert "No such file" in run.stderr
    assert "Traceback" not in run.stderr
