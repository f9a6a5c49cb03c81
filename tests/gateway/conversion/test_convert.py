"""Documents in OpenAPI 2.0 and what they become in OpenAPI 3.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator

from gateway.api import read_api
from gateway.conversion.changes import ConversionError
from gateway.conversion.convert import changes_for_openapi_3, converted
from gateway.diagnostics import UnsupportedDocument
from gateway.document.fields import mapping
from gateway.document.parse import parse_document, read_document
from tests.gateway.documents import (
    API_KEY,
    backend,
    parameter,
    valid_document,
    with_operation,
    with_quota,
    with_scheme,
)
from tests.gateway.running_gateway import cli

FOLDER = Path(__file__).parents[1]
DOCUMENTS = [FOLDER / "all_features.yaml", *FOLDER.glob("examples/*/document.yaml"), *FOLDER.glob("verdicts/*.yaml")]


COMMENTED = """\
# The API of the shop
swagger: "2.0"
info: {title: Shop, version: "1"} # a title
# Where clients reach it
host: shop.example.com
basePath: /v1
# What it speaks
produces: [application/json]
securityDefinitions:
  # From the console
  key: {type: apiKey, name: key, in: query}
# Everything goes to one service
x-google-backend:
  address: https://shop-abc-uc.a.run.app # in Iowa
paths:
  # Orders
  /orders/{id}:
    post:
      operationId: order
      security: [{key: []}]
      parameters:
        - {name: id, in: path, required: true, type: string} # a number
        # The order
        - name: body
          in: body
          required: true
          schema: {$ref: "#/definitions/Order"}
      responses:
        "200":
          # An order again
          description: ok
          schema: {$ref: "#/definitions/Order"}
definitions:
  # What is ordered
  Order:
    type: object
    properties:
      note: {type: string, x-nullable: true} # may be null
"""


def of(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(converted(json.dumps(document))[0])
    return found


def test_converted_documents_serve_the_same_and_are_valid_openapi_3() -> None:
    count = 0
    for path in DOCUMENTS:
        try:
            result = parse_document(converted(path.read_text())[0]).data
        except (ConversionError, UnsupportedDocument):
            continue
        count += 1
        assert read_api(result) == read_api(read_document(path).data), path
        errors = [error.message for error in OpenAPIV30SpecValidator(without_dangling_references(result)).iter_errors()]
        # OpenAPI 3.0 does not know wildcards: the names of their variables contain `=**`.
        assert [message for message in errors if "Path parameter" not in message] == [], path
    assert count > 20


def without_dangling_references(document: dict[str, Any]) -> dict[str, Any]:
    """A document to which Google's tolerance of missing definitions does not matter."""
    text = json.dumps(document)
    return document if "ListShelvesResponse" not in text else json.loads(text.replace("$ref", "x-ref"))


def test_every_comment_is_kept_near_its_place() -> None:
    text = converted(COMMENTED)[0]
    lines = [line.strip() for line in text.splitlines()]
    parts = [line.partition("# ") for line in COMMENTED.splitlines()]
    comments = [mark + comment for _, mark, comment in parts if mark]
    assert {comment: text.count(comment) for comment in comments} == dict.fromkeys(comments, 1)
    assert lines[lines.index("# Everything goes to one service") + 1] == "x-google-backend: shop-abc-uc"
    assert lines[lines.index("# Where clients reach it") + 1] == "servers:"
    assert lines[lines.index("# Orders") + 1] == "/orders/{id}:"
    assert lines[lines.index("# What is ordered") + 1] == "Order:"


def test_bodies_responses_and_schemas_are_those_of_openapi_3() -> None:
    result = yaml.safe_load(converted(COMMENTED)[0])
    operation = result["paths"]["/orders/{id}"]["post"]
    order = {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}
    assert operation["requestBody"] == {"required": True, "content": order}
    assert operation["parameters"] == [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    assert operation["responses"]["200"] == {"description": "ok", "content": order}
    note = result["components"]["schemas"]["Order"]["properties"]["note"]
    assert note == {"type": "string", "nullable": True}
    assert result["servers"] == [{"url": "https://shop.example.com/v1", "x-google-endpoint": {}}]


def test_a_form_becomes_an_object() -> None:
    parameters = [
        {"name": "file", "in": "formData", "type": "file", "required": True},
        {"name": "tags", "in": "formData", "type": "array", "items": {"type": "string"}},
    ]
    result = of(with_operation(consumes=["multipart/form-data"], parameters=parameters))
    [(kind, content)] = result["paths"]["/x"]["get"]["requestBody"]["content"].items()
    assert kind == "multipart/form-data"
    assert content["schema"]["required"] == ["file"]
    assert content["schema"]["properties"] == {
        "file": {"type": "string", "format": "binary"},
        "tags": {"type": "array", "items": {"type": "string"}},
    }


def test_shared_parameters_and_responses_move_to_components() -> None:
    document = with_operation(
        parameters=[{"$ref": "#/parameters/limit"}, {"$ref": "#/parameters/body"}],
        responses={"200": {"$ref": "#/responses/ok"}},
    ) | {
        "parameters": {
            "limit": {"name": "limit", "in": "query", "type": "array", "items": {"type": "integer"}},
            "body": {"name": "b", "in": "body", "schema": {"type": "object"}},
        },
        "responses": {"ok": {"description": "ok", "schema": {"type": "string"}}},
    }
    result = of(document)
    components, operation = result["components"], result["paths"]["/x"]["get"]
    assert operation["parameters"] == [{"$ref": "#/components/parameters/limit"}]
    assert operation["requestBody"] == {"$ref": "#/components/requestBodies/body"}
    assert components["parameters"]["limit"]["style"] == "form"
    assert components["requestBodies"]["body"]["content"] == {"application/json": {"schema": {"type": "object"}}}
    assert components["responses"]["ok"]["content"] == {"application/json": {"schema": {"type": "string"}}}


def test_backends_with_the_same_fields_share_a_name_and_translations_are_written_out() -> None:
    document = valid_document(**{"x-google-backend": {"address": "https://a.test", "deadline": "25"}})
    document["paths"]["/y"] = {"get": {"operationId": "y", "responses": {"200": {"description": "ok"}}}}
    document["paths"]["/y"]["x-google-backend"] = {"address": "https://a.test", "deadline": "25"}
    backends = of(document)["x-google-api-management"]["backends"]
    assert backends["a"] == {"address": "https://a.test", "deadline": 25.0, "pathTranslation": "APPEND_PATH_TO_ADDRESS"}
    assert backends["a-2"]["pathTranslation"] == "CONSTANT_ADDRESS"


@pytest.mark.parametrize(
    ("document", "place"),
    [
        pytest.param(
            valid_document(**{"x-google-allow": "all", "x-google-backend": backend("https://a.test")}),
            ("x-google-allow",),
            id="allow-all",
        ),
        pytest.param(
            with_quota(metrics=[{"name": "m", "description": "calls"}]),
            ("x-google-management", "metrics", 0, "description"),
            id="description-of-a-metric",
        ),
        pytest.param(
            with_quota(description="few"),
            ("x-google-management", "quota", "limits", 0, "description"),
            id="description-of-a-limit",
        ),
        pytest.param(
            valid_document(host="a.test", **{"x-google-endpoints": [{"name": "a.test", "target": "1.2.3.4"}]}),
            ("x-google-endpoints", 0, "target"),
            id="target-of-an-endpoint",
        ),
        pytest.param(
            with_operation(
                parameters=[
                    {
                        "name": "a",
                        "in": "query",
                        "type": "array",
                        "items": {"type": "string"},
                        "collectionFormat": "tsv",
                    }
                ]
            ),
            ("paths", "/x", "get", "parameters", 0, "collectionFormat"),
            id="tabs-between-values",
        ),
        pytest.param(
            with_operation(parameters=[{"$ref": "#/x-parts/a"}]) | {"x-parts": {"a": parameter("a", "query")}},
            ("paths", "/x", "get", "parameters", 0, "$ref"),
            id="reference-to-another-section",
        ),
    ],
)
def test_what_would_be_lost_is_refused(document: dict[str, Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(ConversionError) as refused:
        converted(json.dumps(document))
    assert place in {change.place for change in refused.value.changes}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"openapi": "3.0.4"}', id="openapi-3"),
        pytest.param(COMMENTED.replace("[application/json]", "&a [application/json]\nconsumes: *a"), id="anchors"),
    ],
)
def test_a_document_that_cannot_be_converted_is_refused(text: str) -> None:
    with pytest.raises(ConversionError):
        converted(text)


@pytest.mark.parametrize("code", ["200", "default"])
def test_a_status_code_may_be_a_number_or_default(code: str) -> None:
    result = yaml.safe_load(converted(COMMENTED.replace('"200":', f"{code}:"))[0])
    [response] = result["paths"]["/orders/{id}"]["post"]["responses"].values()
    assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Order"}


@pytest.mark.parametrize("field", ["definitions", "responses", "tags"])
def test_a_document_that_is_not_valid_openapi_2_is_refused(field: str) -> None:
    with pytest.raises(UnsupportedDocument):
        converted(json.dumps(valid_document(**{field: ["x"]})))


def test_an_issuer_gets_x_google_auth() -> None:
    scheme = {
        "type": "oauth2",
        "flow": "accessCode",
        "authorizationUrl": "https://i.test/a",
        "tokenUrl": "https://i.test/t",
        "scopes": {},
        "x-google-issuer": "https://i.test",
        "x-google-audiences": "a, b",
        "x-google-jwt-locations": [{"header": "x-t", "value_prefix": "T "}],
    }
    found = of(with_scheme(scheme))["components"]["securitySchemes"]["s"]
    assert list(found["flows"]) == ["authorizationCode"]
    assert found["x-google-auth"] == {
        "issuer": "https://i.test",
        "audiences": ["a", "b"],
        "jwtLocations": [{"header": "x-t", "valuePrefix": "T "}],
    }


def test_the_list_of_changes_has_lines() -> None:
    found = {change.place: change.line for change in changes_for_openapi_3(parse_document(COMMENTED))}
    assert found["swagger",] == 2
    assert found["host",] == 5
    assert found["paths", "/orders/{id}", "post", "parameters", 1] == 24


def test_an_api_key_stays_as_it_is() -> None:
    assert mapping(of(valid_document()), "components", "securitySchemes") == API_KEY


@pytest.mark.integration
def test_the_commands_list_the_changes_and_convert(tmp_path: Path) -> None:
    source, target = tmp_path / "shop.yaml", tmp_path / "shop-3.yaml"
    source.write_text(COMMENTED)
    listed = cli("check", "--openapi-3", str(source))
    assert listed.returncode == 0
    assert f"{source}:2: note: $.swagger: becomes `openapi: 3.0.4`" in listed.stdout
    piped = cli("check", "--openapi-3", "-", stdin=COMMENTED)
    assert (piped.returncode, piped.stdout.count("note: ")) == (0, listed.stdout.count("note: "))
    assert cli("convert", str(source), "-o", str(target)).returncode == 0
    assert target.read_text() == cli("convert", str(source)).stdout
    assert cli("check", str(target)).returncode == 0
    again = cli("convert", str(target))
    assert (again.returncode, again.stdout) == (1, "")
    assert "cannot be converted" in again.stderr
