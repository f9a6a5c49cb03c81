"""When an image is sent again."""

from __future__ import annotations

import sys
import time

import pytest
from tenacity import RetryCallState, Retrying

from frontend.api.errors import GatewayError
from frontend.classify.run import ATTEMPTS, OVERLOAD_SECONDS, gives_up


def state_after(status: int, attempts: int, seconds: float) -> RetryCallState:
    """The state after `attempts` attempts in `seconds`, the last of which ended with this HTTP status."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number, state.start_time = attempts, time.monotonic() - seconds
    try:
        raise GatewayError(code="x", detail="x", status=status)
    except GatewayError:
        error = sys.exc_info()
        assert error[0]
        state.set_exception((error[0], error[1], error[2]))
    return state


@pytest.mark.parametrize(
    ("status", "attempts", "seconds", "final"),
    [
        pytest.param(503, ATTEMPTS - 1, 1, False, id="starting"),
        pytest.param(503, ATTEMPTS, 1, True, id="does-not-start"),
        pytest.param(429, 50, OVERLOAD_SECONDS - 60, False, id="overloaded"),
        pytest.param(429, 50, OVERLOAD_SECONDS + 60, True, id="overloaded-for-too-long"),
    ],
)
def test_overload_is_waited_for_and_other_errors_are_tried_a_few_times(
    status: int, attempts: int, seconds: float, final: bool
) -> None:
    assert gives_up(state_after(status, attempts, seconds)) is final
