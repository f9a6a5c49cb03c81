"""The whole way of a picture: bytes -> pixels -> logits -> the best labels as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from services.artifact import ArtifactError, Receipt, read_labels
from services.classifier.engine import ONE_PROCESSOR, Engine
from services.classifier.parameters import Parameters
from services.classifier.prediction import Prediction
from services.classifier.predictions import SCORES, best_predictions
from services.classifier.problems import ModelOutputInvalid

if TYPE_CHECKING:
    from services.classifier.decoding.pixels import Pixels

# An image's bytes -> what the network takes, uint8 [side, side, 3]; raises a Problem.
Decode = Callable[[bytes], "Pixels"]
# Of a label's JSON beside the label itself.
FRAME_BYTES = 64


@dataclass(frozen=True)
class Network:
    """A network that was tried, and its labels in the order of its logits."""

    engine: Engine
    labels: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path, receipt: Receipt) -> Network:
        """From the verified artifact in `folder`, for one processor; raises ArtifactError if it does not work."""
        labels = read_labels(folder, receipt)
        try:
            engine = Engine(folder / "model.xml", streams=1, properties=ONE_PROCESSOR)
        except RuntimeError as err:
            raise ArtifactError(f"{folder / 'model.xml'}: cannot be loaded; export the model again") from err
        if engine.outputs != len(labels):
            raise ArtifactError(f"{folder}: {engine.outputs} outputs, but {len(labels)} labels")
        # One true inference, so that the first caller does not wait for what happens only once.
        side = receipt.preprocess.crop
        engine.logits(np.zeros((side, side, 3), np.uint8))
        return cls(engine, labels)


class Pipeline:
    """One model at work, for one caller at a time."""

    def __init__(self, decode: Decode, network: Network) -> None:
        self._decode, self._network = decode, network

    @property
    def largest_answer(self) -> int:
        """Bytes that no answer exceeds."""
        return sum(len(json.dumps(label)) + FRAME_BYTES for label in self._network.labels)

    def answer(self, image: bytes, parameters: Parameters) -> Prediction:
        """Raises a Problem for a picture that cannot be read, and ModelOutputInvalid."""
        started = time.perf_counter()
        pixels = self._decode(image)
        decoded = time.perf_counter()
        logits = self._network.engine.logits(pixels)
        inferred = time.perf_counter()
        if not np.isfinite(logits).all():
            raise ModelOutputInvalid("The model gave no valid scores for this image.")
        best = best_predictions(SCORES[parameters.function](logits), self._network.labels, parameters.top_k)
        return Prediction(json.dumps(best).encode(), decoded - started, inferred - decoded)
