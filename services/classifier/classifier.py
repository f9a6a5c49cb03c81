"""One model, ready to answer: its artifact verified, its network compiled and tried."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.artifact import ArtifactError, Receipt, read_labels, verified_receipt
from services.classifier.decoding.pixels import Pixels
from services.classifier.engine import Engine, Logits
from services.classifier.inputs import Parameters
from services.classifier.predictions import FUNCTIONS, best_predictions
from services.classifier.problems import ModelOutputInvalid

# So many invalid answers in a row, and the instance says it is not ready.
INVALID_IN_A_ROW = 3


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


class Classifier:
    """Answers for one model; safe to call from many threads."""

    def __init__(self, folder: Path, model: str, streams: int, decode: Callable[[bytes], Pixels]) -> None:
        """Load the artifact in `folder`; raises ArtifactError if it is not whole or does not work.

        `decode` makes of an image's bytes what the network takes, uint8 [side, side, 3], or raises a Problem.
        """
        self.receipt: Receipt = verified_receipt(folder, model)
        self._decode = decode
        self.labels = read_labels(folder, self.receipt)
        try:
            self._engine = Engine(folder / "model.xml", streams=streams)
        except RuntimeError as err:
            raise ArtifactError(f"{folder / 'model.xml'}: cannot be loaded; export the model again") from err
        if self._engine.outputs != len(self.labels):
            raise ArtifactError(f"{folder}: {self._engine.outputs} outputs, but {len(self.labels)} labels")
        self._lock = threading.Lock()
        self._invalid = 0
        self._warm_up()

    @property
    def healthy(self) -> bool:
        """False after a few invalid answers in a row."""
        return self._invalid < INVALID_IN_A_ROW

    def predictions(self, image: bytes, parameters: Parameters, times: Times) -> list[dict[str, str | float]]:
        """`[{"label", "score"}, …]`, best first; raises a Problem for a picture that cannot be read."""
        started = time.perf_counter()
        pixels = self._decode(image)
        decoded = time.perf_counter()
        logits = self._engine.logits(pixels)
        times.decode, times.infer = decoded - started, time.perf_counter() - decoded
        self._require_finite(logits)
        return best_predictions(FUNCTIONS[parameters.function](logits), self.labels, parameters.top_k)

    def _require_finite(self, logits: Logits) -> None:
        finite = bool(np.isfinite(logits).all())
        with self._lock:
            self._invalid = 0 if finite else self._invalid + 1
        if not finite:
            raise ModelOutputInvalid("The model gave no valid scores for this image.")

    def _warm_up(self) -> None:
        """One true inference, so that the first caller does not wait for what happens only once."""
        side = self.receipt.preprocess.crop
        self._engine.logits(np.zeros((side, side, 3), np.uint8))
