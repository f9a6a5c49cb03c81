"""Coroutines of the service's loop, run by a test."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from services.web.loop import Loop

Result = TypeVar("Result")


def turn_until(loop: Loop, there: Callable[[], bool], seconds: float = 20) -> None:
    """Turn `loop` until `there`; fail when that takes longer than `seconds`."""
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until, "the loop has turned too long"
        loop.turn()


def run(loop: Loop, task: Coroutine[Any, None, Result]) -> Result:
    """What `task` returns or raises."""
    results: list[Result] = []
    errors: list[Exception] = []

    async def kept() -> None:
        try:
            results.append(await task)
        except Exception as err:
            errors.append(err)

    loop.start(kept())
    turn_until(loop, lambda: bool(results or errors))
    if errors:
        raise errors[0]
    return results[0]
