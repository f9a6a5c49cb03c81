"""One model as the HTTP side knows it: where it came from, how to ask it, and whether its answers make sense."""

from __future__ import annotations

from services.artifact import Receipt
from services.classifier.answer import Answer, Ask
from services.classifier.parameters import Parameters
from services.classifier.problems import ModelOutputInvalid

# So many invalid answers in a row, and the instance says it is not ready.
INVALID_IN_A_ROW = 3


class Classifier:
    """Answers for one model."""

    def __init__(self, receipt: Receipt, ask: Ask) -> None:
        self.receipt = receipt
        self._ask = ask
        self._invalid = 0

    @property
    def healthy(self) -> bool:
        """False after a few invalid answers in a row."""
        return self._invalid < INVALID_IN_A_ROW

    async def answer(self, image: bytes, parameters: Parameters) -> Answer:
        """Raises a Problem for a picture that cannot be read."""
        try:
            answer = await self._ask(image, parameters)
        except ModelOutputInvalid:
            self._invalid += 1
            raise
        self._invalid = 0
        return answer
