"""What comes of a prediction, and how long its steps took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.classifier.parameters import Parameters


@dataclass(frozen=True)
class Answer:
    """`[{"label", "score"}, …]` as JSON, best first, and the seconds that went into it."""

    body: bytes
    decode: float = 0.0
    infer: float = 0.0


# An image's bytes -> its answer; raises a Problem. Called where it is computed, awaited where it is asked for.
Answering = Callable[[bytes, Parameters], Answer]
Ask = Callable[[bytes, Parameters], Awaitable[Answer]]


@dataclass
class Times:
    """Seconds that the steps of one request took, in order."""

    fetch: float = 0.0
    queue: float = 0.0
    decode: float = 0.0
    infer: float = 0.0

    @property
    def server_timing(self) -> str:
        """The Server-Timing header, in milliseconds."""
        return ", ".join(f"{step};dur={seconds * 1000:.2f}" for step, seconds in vars(self).items())
