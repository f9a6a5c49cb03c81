"""Assertions about what one rule reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.api import read_api
from gateway.diagnostics import Place, UnsupportedDocument
from gateway.rules import Rule, diagnostics

# A rule, a document, and the place at which the rule reports something.
Row = tuple[Rule, dict[str, Any], Place]


def assert_error(rule: Rule, document: Mapping[str, Any], place: Place) -> None:
    """The rule reports an error at this place, and the document is not served."""
    assert (place, True) in {(found.place, found.fatal) for found in rule(document)}
    with pytest.raises(UnsupportedDocument) as refused:
        read_api(document)
    assert place in {found.place for found in refused.value.diagnostics}


def assert_warning(rule: Rule, document: Mapping[str, Any], place: Place) -> None:
    """The rule reports a warning at this place; there are no other diagnostics, and the document is served."""
    assert [(found.place, found.fatal) for found in rule(document)] == [(place, False)]
    assert len(diagnostics(document)) == 1
    assert read_api(document).operations
