"""The processes of the local system."""

from pathlib import Path

import pytest

from deploy.local.processes import DEFAULT_KEY, RunFolder, page


@pytest.mark.parametrize("key", [DEFAULT_KEY, "a secret"])
def test_the_page_shows_only_a_key_that_everybody_knows(key: str) -> None:
    process = page(8501, 8080, RunFolder(Path("run")), key)
    assert process.environment.get("SHOWN_API_KEY") == (key if key == DEFAULT_KEY else None)
    assert "a secret" not in str(process)
