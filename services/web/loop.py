"""One thread that waits for everything: callers, processes, threads and the time, each on behalf of a coroutine.

asyncio would do; importing it takes 50 ms, a tenth of a cold start.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

from services.web.problems import log_unforeseen

log = logging.getLogger(__name__)

# How often the loop looks whose time is over.
SWEEP_SECONDS: Final = 0.25
# Steps that lead to one another, before files are looked at again.
STEPS_AT_ONCE: Final = 32

Result = TypeVar("Result")
Step = Callable[[], object]
Ready = Callable[[int], object]
Task = Coroutine["Future[Any]", None, None]


class Future(Generic[Result]):
    """A result that is yet to come, for one coroutine to await. All of it belongs to the loop's thread."""

    def __init__(self, loop: Loop) -> None:
        self.done = False
        self.awaited_by: Task | None = None
        self._loop = loop
        self._result: Result
        self._error: BaseException | None = None

    def set_result(self, result: Result) -> None:
        """The first result counts, or the first error."""
        if not self.done:
            self._result = result
            self._settle()

    def set_exception(self, error: BaseException) -> None:
        if not self.done:
            self._error = error
            self._settle()

    def __await__(self) -> Generator[Future[Result], None, Result]:
        if not self.done:
            yield self
        if self._error:
            try:
                raise self._error
            finally:
                # It knows the frames it came through, and they know this future: none of them would be freed.
                self._error = None
        return self._result

    def _settle(self) -> None:
        self.done = True
        self._loop.settled(self)


class Loop:
    """Its methods are for its own thread, but for `soon_from_thread`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        # Watched by the other one, but for the moments in which callers are to wait.
        self._callers = selectors.DefaultSelector()
        self._callers_wait_until = math.inf
        self._ready: deque[Step] = deque()
        self._deadlines: dict[Future[Any], float] = {}
        self._work: SimpleQueue[Step] = SimpleQueue()
        self._swept = 0.0
        self._sweeps: list[Callable[[float], None]] = []
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self.watch(self._woken, selectors.EVENT_READ, partial(drained, self._woken))
        self.watch(self._callers, selectors.EVENT_READ, self._look_at_callers)

    def watch(self, file: Any, events: int, ready: Ready) -> None:
        """Have `ready` called with those of `events` that can be done with `file`, from now on; 0 for no more."""
        _watch(self._selector, file, events, ready)

    def watch_caller(self, file: Any, events: int, ready: Ready) -> None:
        """The same, for a file that can be made to wait."""
        _watch(self._callers, file, events, ready)

    def let_callers_wait(self, seconds: float) -> None:
        """Look at no caller's file for so long; everything else goes on."""
        if self._callers_wait_until == math.inf:
            self._callers_wait_until = time.monotonic() + seconds
            self.watch(self._callers, 0, self._look_at_callers)

    def every_sweep(self, look: Callable[[float], None]) -> None:
        """Have `look` called with the monotonic time, a few times a second."""
        self._sweeps.append(look)

    def soon(self, step: Step) -> None:
        """Have `step` called after what is being done now."""
        self._ready.append(step)

    def soon_from_thread(self, step: Step) -> None:
        self._ready.append(step)
        # A pipe that is full wakes the loop as well.
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b".")

    def start(self, task: Task) -> None:
        """Run `task` up to where it waits, and on whenever what it waits for is there."""
        try:
            task.send(None).awaited_by = task
        except StopIteration:
            pass
        except Exception as err:
            log_unforeseen(err)

    def future(self, until: float = math.inf) -> Future[Any]:
        """One that fails with TimeoutError once `until` (monotonic) has passed."""
        future: Future[Any] = Future(self)
        if until < math.inf:
            self._deadlines[future] = until
        return future

    def settled(self, future: Future[Any]) -> None:
        """Go on with what waits for `future`."""
        self._deadlines.pop(future, None)
        if future.awaited_by:
            self.soon(partial(self.start, future.awaited_by))

    async def others(self) -> None:
        """Let everything go on first that can."""
        future = self.future()
        self.soon(partial(future.set_result, None))
        await future

    async def elsewhere(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises in a thread; it may take its time there."""
        future: Future[Result] = self.future()
        self._work.put(partial(self._do, work, future))
        return await future

    def start_threads(self, count: int) -> None:
        """The threads for `elsewhere`: fewer where the system gives no more, RuntimeError where it gives none."""
        for number in range(count):
            try:
                threading.Thread(target=self._work_for_ever, name=f"elsewhere-{number}", daemon=True).start()
            except RuntimeError:
                log.error("the system gives %d threads of the %d wanted", number, count)
                if number == 0:
                    raise
                return

    def turn(self) -> None:
        """Wait for what happens next, and see to it."""
        for key, events in self._selector.select(self._patience()):
            whatever_happens(key.data, events)
        for _ in range(STEPS_AT_ONCE):
            if not self._ready:
                break
            whatever_happens(self._ready.popleft())
        now = time.monotonic()
        if now >= self._callers_wait_until:
            self._callers_wait_until = math.inf
            self.watch(self._callers, selectors.EVENT_READ, self._look_at_callers)
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            for future in [future for future, until in self._deadlines.items() if until <= now]:
                future.set_exception(TimeoutError())
            for look in self._sweeps:
                whatever_happens(look, now)

    def _patience(self) -> float:
        """Seconds for which nothing needs to happen."""
        if self._ready:
            return 0
        return min(SWEEP_SECONDS, max(0.0, self._callers_wait_until - time.monotonic()))

    def _look_at_callers(self, _events: int) -> None:
        for key, events in self._callers.select(0):
            whatever_happens(key.data, events)

    def _do(self, work: Callable[[], Result], future: Future[Result]) -> None:
        try:
            result = work()
        except Exception as err:
            self.soon_from_thread(partial(future.set_exception, err))
        else:
            self.soon_from_thread(partial(future.set_result, result))

    def _work_for_ever(self) -> None:
        while True:
            self._work.get()()


def _watch(selector: selectors.BaseSelector, file: Any, events: int, ready: Ready) -> None:
    watched = file in selector.get_map()
    if events and watched:
        selector.modify(file, events, ready)
    elif events:
        selector.register(file, events, ready)
    elif watched:
        selector.unregister(file)


def whatever_happens(step: Callable[..., object], *arguments: object) -> None:
    """One step of the loop: a failure is logged, and nobody else suffers from it."""
    try:
        step(*arguments)
    except Exception as err:
        log_unforeseen(err)


def drained(pipe: int, _events: int) -> None:
    """Forget what was written to wake the loop."""
    with contextlib.suppress(BlockingIOError):
        os.read(pipe, 4096)
