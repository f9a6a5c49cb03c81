"""From an image's bytes to predictions as JSON: decode, infer, rank."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.artifact import ArtifactError, Receipt, read_labels
from services.classifier.engine import RankingEngine
from services.classifier.parameters import Parameters
from services.classifier.prediction import Prediction
from services.classifier.predictions import SCORES, JsonWriter, best_labels
from services.classifier.problems import ModelOutputInvalid

if TYPE_CHECKING:
    from services.classifier.decoding.resize import Pixels

# An image's bytes -> the network's input, uint8 [height, width, channels]; raises a Problem.
Decode = Callable[[bytes], "Pixels"]


@dataclass(frozen=True)
class Network:
    """A loaded network, and the writer of its predictions."""

    engine: RankingEngine
    writer: JsonWriter

    @classmethod
    def load(cls, folder: Path, receipt: Receipt) -> Network:
        """Load the verified artifact in `folder`; raises ArtifactError if OpenVINO cannot load it."""
        labels = read_labels(folder, receipt)
        try:
            engine = RankingEngine(folder / "model.xml", receipt.scores, receipt.precision)
        except RuntimeError as err:
            raise ArtifactError(f"{folder / 'model.xml'}: cannot be loaded; export the model again") from err
        if len(engine.logits) != len(labels):
            raise ArtifactError(f"{folder}: {len(engine.logits)} outputs, but {len(labels)} labels")
        return cls(engine, JsonWriter(labels))


class Pipeline:
    """One model; predicts one image at a time, whatever thread calls."""

    def __init__(self, decode: Decode, network: Network) -> None:
        self._decode, self._engine, self._writer = decode, network.engine, network.writer
        self._lock = threading.Lock()

    @property
    def max_bytes(self) -> int:
        """The size in bytes of the longest possible result."""
        return self._writer.most_bytes

    def predict(self, image: bytes, parameters: Parameters) -> Prediction:
        """Decode, infer and rank; raises a Problem for an image that cannot be read, and ModelOutputInvalid."""
        with self._lock:
            started = time.perf_counter()
            pixels = self._decode(image)
            decoded = time.perf_counter()
            self._engine.infer(pixels)
            inferred = time.perf_counter()
            return Prediction(self._ranked(parameters), decoded - started, inferred - decoded)

    def _ranked(self, parameters: Parameters) -> bytes:
        """The results of the last inference as JSON."""
        if not self._engine.valid:
            raise ModelOutputInvalid("The model returned invalid scores for this image.")
        best = self._engine.best(parameters.top_k) if parameters.function == self._engine.scores else None
        if best is None:
            best = best_labels(SCORES[parameters.function](self._engine.logits), parameters.top_k)
        return self._writer.predictions(best)
