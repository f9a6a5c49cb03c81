"""The whole way of a picture: bytes -> pixels -> logits -> the best labels as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from services.artifact import ArtifactError, Receipt, read_labels
from services.classifier.answer import Answer
from services.classifier.decoding.pixels import Pixels
from services.classifier.engine import ONE_PROCESSOR, Engine
from services.classifier.parameters import Parameters
from services.classifier.predictions import SCORES, best_predictions
from services.classifier.problems import ModelOutputInvalid

Decode = Callable[[bytes], Pixels]
# Of a label's JSON beside the label itself.
FRAME_BYTES = 64


class Pipeline:
    """One model's artifact at work on one processor, for one caller at a time."""

    def __init__(self, folder: Path, receipt: Receipt, decode: Decode) -> None:
        """Load the verified artifact in `folder`; raises ArtifactError if it does not work.

        `decode` makes of an image's bytes what the network takes, uint8 [side, side, 3], or raises a Problem.
        """
        self._decode = decode
        self._labels = read_labels(folder, receipt)
        try:
            self._engine = Engine(folder / "model.xml", streams=1, properties=ONE_PROCESSOR)
        except RuntimeError as err:
            raise ArtifactError(f"{folder / 'model.xml'}: cannot be loaded; export the model again") from err
        if self._engine.outputs != len(self._labels):
            raise ArtifactError(f"{folder}: {self._engine.outputs} outputs, but {len(self._labels)} labels")
        # One true inference, so that the first caller does not wait for what happens only once.
        side = receipt.preprocess.crop
        self._engine.logits(np.zeros((side, side, 3), np.uint8))

    @property
    def largest_answer(self) -> int:
        """Bytes that no answer exceeds."""
        return sum(len(json.dumps(label)) + FRAME_BYTES for label in self._labels)

    def answer(self, image: bytes, parameters: Parameters) -> Answer:
        """Raises a Problem for a picture that cannot be read, and ModelOutputInvalid."""
        started = time.perf_counter()
        pixels = self._decode(image)
        decoded = time.perf_counter()
        logits = self._engine.logits(pixels)
        inferred = time.perf_counter()
        if not np.isfinite(logits).all():
            raise ModelOutputInvalid("The model gave no valid scores for this image.")
        best = best_predictions(SCORES[parameters.function](logits), self._labels, parameters.top_k)
        return Answer(json.dumps(best).encode(), decoded - started, inferred - decoded)
