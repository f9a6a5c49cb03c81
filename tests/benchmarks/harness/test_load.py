from __future__ import annotations

import pytest

from benchmarks.harness.load import Load, LoadFailed, parsed

WRK = """Running 1s test @ http://127.0.0.1:8000/predict
  1 threads and 8 connections
  Non-2xx or 3xx responses: 3

{"requests": 103, "seconds": 2.0, "p50": 0.004, "p90": 0.008, "p99": 0.02, "refused": 3, "broken": 1}
"""


def test_the_result_is_the_json_line_in_the_output_of_wrk() -> None:
    assert parsed(WRK, 8) == Load(8, requests=103, seconds=2.0, p50=0.004, p90=0.008, p99=0.02, refused=3, broken=1)


def test_the_rate_counts_only_2xx_responses() -> None:
    assert parsed(WRK, 8).rate == 50


def test_output_without_a_result_fails() -> None:
    with pytest.raises(LoadFailed, match="unable to connect"):
        parsed("unable to connect to 127.0.0.1:1", 8)
