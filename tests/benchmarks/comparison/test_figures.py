from __future__ import annotations

import pytest

from benchmarks.comparison.figures import rates, row
from benchmarks.comparison.rounds import ColdStarts, Visit
from benchmarks.comparison.servers import servers
from benchmarks.harness.load import Load


def load(connections: int, requests: int, broken: int = 0) -> Load:
    return Load(connections, requests, 1.0, p50=0.01, p90=0.02, p99=0.03, refused=0, broken=broken)


def test_rates_are_medians_by_number_of_connections() -> None:
    one, eight = rates([load(8, 90), load(1, 10), load(8, 100), load(8, 130)])
    assert (one.connections, one.rate) == (1, 10)
    assert (eight.connections, eight.rate, eight.least, eight.most) == (8, 100, 90, 130)


def test_a_load_without_responses_counts_as_one_broken_request() -> None:
    (found,) = rates([load(8, 100, broken=2), load(8, 0)])
    assert (found.rate, found.broken) == (100, 3)


def test_a_failed_visit_is_reported_and_not_measured() -> None:
    server = servers()[0]
    visits = [Visit(0.5, 10, 20, [load(8, 100)], accuracy=0.9), Visit(9.0, failure="exited: no memory")]
    found = row(server, visits, {server.name: {"bytes": 7}})
    assert (found.cold_start, found.memory_loaded, found.accuracy, found.installed) == (0.5, 20, 0.9, 7)
    assert found.failure == "exited: no memory"


@pytest.mark.parametrize(("count", "expected"), [(1, 1.0), (19, 19.0), (20, 19.0), (100, 95.0)])
def test_the_95th_percentile_of_starts_is_the_nearest_rank(count: int, expected: float) -> None:
    seconds = [float(number) for number in range(count, 0, -1)]
    assert ColdStarts("model", "fp16", seconds, memory=0).p95 == expected


def test_every_server_has_a_name_of_its_own() -> None:
    names = [server.name for server in servers()]
    assert len(names) == len(set(names))
