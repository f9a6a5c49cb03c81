"""The samples in the repository."""

from __future__ import annotations

from pathlib import Path

from frontend.images.image import sample, sample_files
from frontend.images.make_samples import make_samples
from frontend.settings import SAMPLES


def test_the_samples_are_those_that_the_program_makes(tmp_path: Path) -> None:
    made = make_samples(tmp_path)
    assert [path.stem for path in sorted(made)] == [*sample_files(SAMPLES)]
    for path in made:
        kept = sample(path.stem, SAMPLES)
        assert kept is not None
        assert kept.data == path.read_bytes()
