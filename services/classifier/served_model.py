"""The model as the HTTP process sees it: receipt, prediction, and health."""

from __future__ import annotations

from services.artifact import Receipt
from services.classifier.parameters import Parameters
from services.classifier.prediction import AsyncPredict, Prediction
from services.classifier.problems import ModelOutputInvalid, NotReady

# After this many invalid outputs in a row, the instance is not ready.
MAX_INVALID = 3


class ServedModel:
    """Predicts, and counts invalid outputs."""

    def __init__(self, receipt: Receipt, predict: AsyncPredict) -> None:
        self.receipt = receipt
        self._predict = predict
        self._invalid = 0

    @property
    def healthy(self) -> bool:
        """False after MAX_INVALID invalid outputs in a row."""
        return self._invalid < MAX_INVALID

    async def predict(self, image: bytes, parameters: Parameters) -> Prediction:
        """Raises a Problem for an image that cannot be read, and ModelOutputInvalid."""
        try:
            prediction = await self._predict(image, parameters)
        except ModelOutputInvalid:
            self._invalid += 1
            raise
        self._invalid = 0
        return prediction


def require_healthy(model: ServedModel) -> None:
    """Raise NotReady if the model is not healthy."""
    if not model.healthy:
        raise NotReady("The model returns invalid scores.")
