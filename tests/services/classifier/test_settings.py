"""The settings of a model service."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.classifier.settings import available_cpus


@pytest.mark.parametrize(("quota", "cpus"), [("100000 100000", 1), ("150000 100000", 2), ("1000 100000", 1)])
def test_the_quota_of_a_container_limits_its_cpus(tmp_path: Path, quota: str, cpus: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert available_cpus(tmp_path / "cpu.max") == min(cpus, available_cpus(tmp_path / "missing"))


def test_without_a_quota_all_cpus_are_used(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert available_cpus(tmp_path / "cpu.max") == available_cpus(tmp_path / "missing") >= 1
