"""What a mark says about a model's labels."""

from __future__ import annotations

import pytest

from frontend.results.marks import Mark


@pytest.mark.parametrize(
    ("mark", "labels", "right"),
    [
        pytest.param(Mark("cat", "cat"), ("cat",), True, id="right"),
        pytest.param(Mark("cat", "cat"), ("dog",), False, id="another model said something else"),
        pytest.param(Mark("cat", "dog"), ("cat",), False, id="wrong"),
        pytest.param(Mark("cat", "dog"), ("cow", "dog"), True, id="another model was right"),
        pytest.param(Mark("cat"), ("cat",), False, id="wrong, the right label unknown"),
        pytest.param(Mark("cat"), ("dog",), None, id="the mark does not tell"),
    ],
)
def test_a_mark_says_which_models_are_right(mark: Mark, labels: tuple[str, ...], right: bool | None) -> None:
    assert mark.is_right(labels) is right
