"""The prediction for one image, and the duration of its steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.classifier.parameters import Parameters


@dataclass(frozen=True)
class Prediction:
    """`[{"label", "score"}, …]` as JSON, best first, and the seconds that decoding and inference took."""

    body: bytes
    decode: float = 0.0
    infer: float = 0.0


# An image's bytes -> its prediction; raises a Problem. The first runs in a worker, the second in the HTTP process.
Predict = Callable[[bytes, Parameters], Prediction]
AsyncPredict = Callable[[bytes, Parameters], Awaitable[Prediction]]


@dataclass
class Timings:
    """The duration in seconds of each step of one prediction, in order."""

    fetch: float = 0.0
    queue: float = 0.0
    decode: float = 0.0
    infer: float = 0.0

    def add(self, other: Timings) -> None:
        """Add the duration of each step of `other`."""
        self.fetch += other.fetch
        self.queue += other.queue
        self.decode += other.decode
        self.infer += other.infer

    @property
    def server_timing(self) -> str:
        """The Server-Timing header, in milliseconds."""
        return (
            f"fetch;dur={self.fetch * 1000:.2f}, queue;dur={self.queue * 1000:.2f}, "
            f"decode;dur={self.decode * 1000:.2f}, infer;dur={self.infer * 1000:.2f}"
        )
