from __future__ import annotations

import pytest

from benchmarks.comparison.sizes import installed_bytes, name_and_extras, required


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("Flask>=3", ("flask", frozenset())),
        ("ray[serve, default]==2.60 ; python_version > '3'", ("ray", frozenset({"serve", "default"}))),
        ("ruamel.yaml_clib", ("ruamel-yaml-clib", frozenset())),
    ],
)
def test_a_requirement_gives_a_normal_name_and_extras(requirement: str, expected: tuple[str, frozenset[str]]) -> None:
    assert name_and_extras(requirement) == expected


def test_requirements_are_followed_and_missing_packages_ignored() -> None:
    found = required(["flask", "no-such-package"])
    assert {"flask", "werkzeug", "jinja2"} <= found.keys()
    assert "no-such-package" not in found


def test_the_files_of_a_package_are_counted_and_cuda_is_not() -> None:
    package = required(["flask"])["flask"]
    assert installed_bytes("flask", package) > 10_000
    assert installed_bytes("nvidia-cublas", package) == 0
