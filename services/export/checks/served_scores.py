"""Scores as a service computes them: from an image's bytes, through its decoder, its network and its JSON."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.artifact import Receipt, ScoreFunction, read_labels
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.resize import Pixels
from services.classifier.engine import SINGLE_PRECISION, Engine
from services.classifier.parameters import Parameters
from services.classifier.pipeline import Network, Pipeline
from services.classifier.predictions import SCORES
from services.export.errors import ExportError
from services.problems import Problem

Scores = NDArray[np.float64]


def single_precision_scores(folder: Path, receipt: Receipt, images: list[Path]) -> Scores:
    """The scores of an artifact, [images, labels], from the service's decoder and the network in single precision."""
    engine = Engine(folder / "model.xml", streams=1, properties=SINGLE_PRECISION)
    pixels = [_decoded(receipt, image) for image in images]
    return np.stack([SCORES[receipt.scores](engine.logits(one)) for one in pixels]).astype(float)


def _decoded(receipt: Receipt, image: Path) -> Pixels:
    try:
        return decoded_pixels(image.read_bytes(), receipt.preprocess)
    except Problem as err:
        raise ExportError(f"{receipt.model}: {image}: {err}") from err


class ServedScores:
    """The scores of an artifact's own service, in the order of its labels."""

    def __init__(self, folder: Path, receipt: Receipt) -> None:
        decode = partial(decoded_pixels, preprocess=receipt.preprocess)
        self._pipeline = Pipeline(decode, Network.load(folder, receipt))
        self.labels = read_labels(folder, receipt)
        self._receipt = receipt

    def __call__(self, images: list[Path], function: ScoreFunction | None = None) -> Scores:
        """[images, labels]; `function` is the receipt's by default. Raises ExportError for an image it cannot read."""
        return np.stack([self._of(image, function or self._receipt.scores) for image in images])

    def _of(self, image: Path, function: ScoreFunction) -> Scores:
        try:
            prediction = self._pipeline.predict(image.read_bytes(), Parameters(len(self.labels), function))
        except Problem as err:
            raise ExportError(f"{self._receipt.model}: {image}: {err}") from err
        by_label = {one["label"]: one["score"] for one in json.loads(prediction.body)}
        return np.array([by_label[label] for label in self.labels])
