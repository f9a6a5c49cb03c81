from __future__ import annotations

import pytest

from benchmarks.scale.simulation import billed_share, burst, closed_loop, one_instance, quantile

SERVICES = [0.010]


def test_one_processor_under_half_load_agrees_with_the_formula_for_constant_service_times() -> None:
    # M/D/1: the mean wait is load / (2 - 2 load) service times, and half of the requests wait at all.
    found = one_instance(SERVICES, 1, 1000, 0.5, 50_000)
    assert found.refused == 0
    assert 0.010 <= found.p50 <= 0.013
    assert found.p99 > 2 * found.p50


def test_overload_refuses_what_exceeds_the_capacity() -> None:
    assert one_instance(SERVICES, 1, 8, 2.0, 50_000).refused == pytest.approx(0.5, abs=0.02)


def test_a_larger_concurrency_refuses_less_and_waits_longer() -> None:
    small, large = (one_instance(SERVICES, 1, concurrency, 1.2, 20_000) for concurrency in (2, 16))
    assert small.refused > large.refused
    assert small.p99 < large.p99


def test_a_closed_loop_uses_all_processors() -> None:
    assert closed_loop(SERVICES, 2, 8, 1000) == pytest.approx(200, rel=0.01)
    assert closed_loop(SERVICES, 2, 1, 1000) == pytest.approx(100, rel=0.01)


def test_a_burst_waits_for_cold_starts_only_without_warm_instances() -> None:
    cold, warm = (burst(SERVICES, 1, 8, 200, (count, 4), 2.0, 10) for count in (0, 4))
    assert cold.longest >= 2.0
    assert cold.instances == 4
    assert warm.longest < 0.2
    assert warm.last_wait == 0


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 0.01), (1000.0, 1.0)])
def test_an_instance_is_billed_by_rounded_up_busy_time(rate: float, expected: float) -> None:
    assert billed_share(SERVICES, rate, 0.1) == pytest.approx(expected, rel=0.2)


def test_the_same_seed_gives_the_same_figures() -> None:
    assert one_instance(SERVICES, 1, 8, 0.9, 1000) == one_instance(SERVICES, 1, 8, 0.9, 1000)


def test_quantiles_are_elements_of_the_list() -> None:
    assert [quantile([1, 2, 3, 4], share) for share in (0, 0.5, 0.99, 1)] == [1, 3, 4, 4]
