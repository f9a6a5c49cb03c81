"""The JSON schema of OpenAPI 2.0."""

from gateway.rules.schema import schema_errors
from tests.gateway.documents import GET, valid_document, with_operation


def test_a_valid_document_fits_the_schema() -> None:
    assert list(schema_errors(valid_document())) == []


def test_an_unknown_field_is_reported_at_its_place() -> None:
    assert [error.place for error in schema_errors(with_operation(sumary="misspelt"))] == [(*GET, "sumary")]


def test_a_value_of_the_wrong_type_is_reported_at_its_place() -> None:
    assert [error.place for error in schema_errors(with_operation(tags="x"))] == [(*GET, "tags")]
