"""SECURITY.md: the tests that it names exist, and its figures are those of the code."""

from __future__ import annotations

import re

from benchmarks.harness.process import ROOT
from services.classifier.workers.pool import MAX_IMAGES, PILLOW_IMAGES
from services.classifier.workers.seccomp import CALLS, CLONE, FCNTL, MADVISE, MAPPINGS

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_exists() -> None:
    named = re.findall(r"`((?:services|e2e|frontend|gateway|deploy|images)/[\w./]*|…)(?:::(\w+))?`", TEXT)
    assert len(named) > 20
    file = ROOT
    for path, name in named:
        # … is the file named before.
        file = file if path == "…" else ROOT / "tests" / path
        assert file.exists(), path
        assert not name or f"def {name}(" in file.read_text(encoding="utf-8"), name


def test_its_figures_are_those_of_the_code() -> None:
    assert f"{len([*CALLS, *MAPPINGS, CLONE, FCNTL, MADVISE])} system calls" in TEXT
    assert f"after {MAX_IMAGES:,} images, or {MAX_IMAGES // PILLOW_IMAGES} in other formats than JPEG" in TEXT
