from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from benchmarks.harness.cost import Cost
from benchmarks.harness.image_files import encoded, gradient, mutations
from benchmarks.harness.machine import Machine
from benchmarks.harness.process import Response
from benchmarks.hostile_images import Result, outcome, pillow_collection, report

MIB = 2**20
CHEAP = Cost(0.1, MIB, killed=False)
MACHINE = Machine("CPU", 2, [], 8.0, "Linux", "3.11", {"pillow": "1", "simplejpeg": "2"}, "today", 0.0)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(200, b"[]", {}), "200"),
        (Response(422, b'{"code": "image_corrupt"}', {}), "422 image_corrupt"),
        (Response(500, b"<html>", {}), "500"),
        (Response(0, b"", {}), "no response"),
    ],
)
def test_the_outcome_is_the_status_and_the_code(response: Response, expected: str) -> None:
    assert outcome(response) == expected


@pytest.mark.parametrize(
    ("result", "fault"),
    [
        pytest.param(Result("c", "n", "200", CHEAP, unaffected=True), "", id="fine"),
        pytest.param(Result("c", "n", "422 image_corrupt", CHEAP, unaffected=True), "", id="refused"),
        pytest.param(Result("c", "n", "500", CHEAP, unaffected=True), "500", id="server-error"),
        pytest.param(Result("c", "n", "no response", CHEAP, unaffected=True), "no response", id="no-response"),
        pytest.param(Result("c", "n", "200", Cost(2.1, 0, killed=False), unaffected=True), "2.1 s of CPU", id="slow"),
        pytest.param(Result("c", "n", "200", Cost(0, 301 * MIB, killed=False), unaffected=True), "301 MiB", id="large"),
    ],
)
def test_a_result_is_faulty_if_it_misses_a_target(result: Result, fault: str) -> None:
    assert result.fault == fault


def test_an_image_that_changes_the_next_predictions_is_faulty() -> None:
    assert Result("c", "n", "200", CHEAP, unaffected=False).fault


def test_the_report_counts_outcomes_by_collection() -> None:
    results = [
        Result("Pillow's own", "a.gif", "200", CHEAP, unaffected=True),
        Result("generated", "b.png", "422 image_corrupt", CHEAP, unaffected=True),
        Result("generated", "c.png", "200", CHEAP, unaffected=True),
    ]
    text = report(results, MACHINE)
    for row in (
        "|  | Pillow's own | generated | target |",
        "| images | 1 | 2 |  |",
        "| 422 image_corrupt | 0 | 1 |  |",
    ):
        assert row in text


def test_only_the_test_images_are_read_from_the_archive(tmp_path: Path) -> None:
    for name in ("pillow-1/Tests/images/sub/a.gif", "pillow-1/src/b.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"content")
    with tarfile.open(tmp_path / "pillow.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "pillow-1", "pillow-1")
    assert list(pillow_collection(tmp_path / "pillow.tar.gz")) == [("sub/a.gif", b"content")]


def test_mutations_are_the_same_for_the_same_seed() -> None:
    data = encoded(gradient(20, 10), "PNG")
    assert list(mutations(data, 20, seed=1)) == list(mutations(data, 20, seed=1))
    assert list(mutations(data, 20, seed=1)) != list(mutations(data, 20, seed=2))
