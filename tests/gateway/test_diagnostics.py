"""Places as JSON paths."""

import pytest

from gateway.diagnostics import Place, json_path


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ((), "$"),
        (("paths", "/v1/x", "get", "tags", 0), "$.paths['/v1/x'].get.tags[0]"),
        (("a'b\\c",), r"$['a\'b\\c']"),
        (("x-google-backend", "200"), "$.x-google-backend['200']"),
    ],
)
def test_a_place_is_written_as_a_json_path(place: Place, path: str) -> None:
    assert json_path(place) == path
