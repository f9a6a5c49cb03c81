"""All visits of this process: how much memory they take, and the end of those whose visitors have left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakValueDictionary

from frontend.images.image import Budget, Image
from frontend.state.visitor_state import VisitorState

# Bytes of all visitors' images, and of those that browsers could not decode. The rest is for ordinary visitors.
MAX_PROCESS_BYTES = 160 * 1024 * 1024
MAX_PROCESS_UNDECODED = 64 * 1024 * 1024
# For how long (s) the visit of someone who has left is kept.
KEPT_FOR = 120.0


class Visits:
    """The visits by their token. `is_connected(session)` says whether a session's browser is connected.

    Each belongs to one Streamlit session at a time.
    """

    def __init__(self, is_connected: Callable[[str], bool], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_connected = is_connected
        self._clock = clock
        self._lock = threading.Lock()
        self._visits: WeakValueDictionary[str, VisitorState] = WeakValueDictionary()
        self._left_at: WeakKeyDictionary[VisitorState, float] = WeakKeyDictionary()
        # Sessions whose visit goes on in another one.
        self._replaced: list[str] = []

    def add(self, visitor: VisitorState) -> None:
        with self._lock:
            self._visits[visitor.visit] = visitor

    def budget(self, visitor: VisitorState) -> Budget:
        """How much this visitor may have, so that all visitors together stay within the process's limits."""
        with self._lock:
            others = [other.used for other in self._visits.values() if other is not visitor]
        return Budget(
            max(0, MAX_PROCESS_BYTES - sum(used.total for used in others)),
            max(0, MAX_PROCESS_UNDECODED - sum(used.undecoded for used in others)),
        )

    def image(self, visit: str, image: str) -> Image | None:
        """An image of the visit of that token, by its id."""
        with self._lock:
            visitor = self._visits.get(visit)
        return next((each for each in visitor.images if each.id == image), None) if visitor else None

    def resume(self, visit: str, session: str) -> VisitorState | None:
        """The visit of that token, continued in another session; None if it ended or goes on elsewhere."""
        with self._lock:
            visitor = self._visits.get(visit)
            if visitor is None or not visitor.images or self._is_connected(visitor.session):
                return None
            self._replaced.append(visitor.session)
            visitor.session = session
            return visitor

    def end_those_left(self) -> list[str]:
        """End the visits of those who left KEPT_FOR ago; returns the sessions that are over."""
        with self._lock:
            visitors = list(self._visits.values())
            over, self._replaced = self._replaced, []
        now = self._clock()
        for visitor in visitors:
            if self._is_connected(visitor.session):
                self._left_at.pop(visitor, None)
            elif now - self._left_at.setdefault(visitor, now) >= KEPT_FOR:
                visitor.clear()
                with self._lock:
                    self._visits.pop(visitor.visit, None)
                over.append(visitor.session)
        return over
