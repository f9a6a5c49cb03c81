from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import size
from benchmarks.size import Measurements, propose, service_time
from services.catalog import load_catalog

MIB = 2**20
MODEL = load_catalog()["efficientnet-lite0"]
MEASURED = Measurements(
    model=MODEL.name,
    precision="fp16",
    processor_seconds=0.007,
    services=[0.005, 0.006, 0.007],
    cold_starts=[0.5, 0.6],
    memory_idle=100 * MIB,
    memory_loaded=120 * MIB,
    memory_12mp=130 * MIB,
    memory_largest=420 * MIB,
    machine="CPU",
)


@pytest.fixture(autouse=True)
def short_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "SIMULATED_REQUESTS", 5_000)


def test_the_service_time_is_decoding_and_inference_without_the_queue() -> None:
    assert service_time("decode;dur=1.5, queue;dur=9.0, infer;dur=2.5") == pytest.approx(0.004)


def test_a_quick_model_needs_one_cpu_and_memory_for_the_largest_image() -> None:
    proposal = propose(MODEL, MEASURED)
    assert proposal.cpu == 1
    # (120 loaded + 300 for the largest image + 64 for bodies) × 1.15, in steps of 128 MiB.
    assert proposal.memory == "640Mi"
    assert 2 <= proposal.concurrency <= 30


def test_a_small_service_still_gets_the_least_memory() -> None:
    small = replace(MEASURED, memory_loaded=50 * MIB, memory_largest=60 * MIB)
    assert propose(MODEL, small).memory == "512Mi"


def test_a_slow_model_gets_more_cpus_and_admits_only_what_meets_the_deadline() -> None:
    slow = replace(MEASURED, processor_seconds=20.0, services=[20.0])
    proposal = propose(MODEL, slow)
    assert proposal.cpu > 1
    assert proposal.concurrency * 20.0 / proposal.cpu + 0.6 <= MODEL.deadline
