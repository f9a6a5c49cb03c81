from __future__ import annotations

import pytest

from benchmarks.harness.machine import Machine
from benchmarks.soak.__main__ import Fault, Result, report
from benchmarks.soak.client import Failure, Sent
from benchmarks.soak.system import Sample, System, cpus_of_service

KILL = Fault("kill -9 of a worker", 0.5, System.kill_worker, began=10.0, recovered=11.0)
MACHINE = Machine("CPU", 2, [], 8.0, "Linux", "3.11", {}, "today", 0.0)


def result(*sent: Sent, samples: list[Sample] | None = None) -> Result:
    return Result("model", 20.0, 100.0, 200.0, list(sent), [KILL], samples or [], 1)


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(Sent(1.0, 0.1, 200), "200", id="served"),
        pytest.param(Sent(1.0, 0.1, 429, "overloaded"), "429 overloaded", id="refused"),
        pytest.param(Sent(9.9, 0.2, 422, "image_corrupt"), "422, worker was killed", id="killed-worker"),
        pytest.param(Sent(1.0, 0.1, 422, "image_corrupt"), "422 image_corrupt", id="no-kill-nearby"),
        pytest.param(Sent(9.9, 0.2, Failure.BROKEN), "in flight in a killed process", id="in-flight"),
        pytest.param(Sent(10.5, 0.2, Failure.BROKEN), "in flight in a killed process", id="before-recovery"),
        pytest.param(Sent(15.0, 0.2, Failure.BROKEN), "lost", id="broken"),
        pytest.param(Sent(1.0, 2.0, Failure.TIMEOUT), "lost", id="timeout"),
        pytest.param(Sent(1.0, 0.1, Failure.UNCONNECTED), "no connection: Envoy was down", id="unconnected"),
        pytest.param(
            Sent(1.0, 0.0, Failure.UNSENT), "not sent: the client had too many requests in flight", id="unsent"
        ),
    ],
)
def test_every_request_has_one_outcome_and_is_lost_only_if_no_kill_explains_it(sent: Sent, outcome: str) -> None:
    found = result(sent)
    assert dict(found.outcomes()) == {outcome: 1}
    assert bool(found.lost) == (outcome == "lost")


def test_goodput_and_percentiles_count_only_200s_away_from_kills() -> None:
    found = result(Sent(1.0, 0.1, 200), Sent(2.0, 0.3, 200), Sent(9.9, 1.0, 200), Sent(3.0, 0.9, 429, "overloaded"))
    assert found.goodput == 3 / 20
    assert found.percentile(0.99) == 0.3


def test_memory_growth_compares_thirds_of_the_longest_life() -> None:
    first = [Sample(float(at), 999, http_process=1) for at in range(3)]
    longest = [Sample(float(at), 100 if at < 12 else 110, http_process=2) for at in range(3, 20)]
    assert result(samples=first + longest).memory_growth == pytest.approx(0.1)


def test_the_report_has_a_row_per_outcome_and_fault() -> None:
    samples = [Sample(float(at), 100, http_process=2) for at in range(20)]
    text = report(result(Sent(1.0, 0.1, 200), Sent(2.0, 0.1, 429, "overloaded"), samples=samples), MACHINE)
    for row in ("| sent | 2 | 100 % |", "| 429 overloaded | 1 | 50.00% |", "| kill -9 of a worker | 10 s | 1.00 s |"):
        assert row in text


def test_the_service_gets_its_cpus_only_if_some_are_left() -> None:
    assert cpus_of_service(1, {3, 2}) == {2}
    assert cpus_of_service(2, {3, 2}) == {2, 3}
