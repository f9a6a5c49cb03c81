"""What all visitors share, one per process: connections, threads, and what is publicly known of the models.

No picture, no question and no answer is kept here.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from frontend.api.client import Answer, GatewayClient, GatewayError, plain_session
from frontend.api.readiness import Wakes
from frontend.images.image import Picture
from frontend.settings import Settings

THREADS = 128
# Labels asked for, whatever is shown: showing more of them needs no new question.
MOST_LABELS = 10
DIRECTORY_LASTS = 15.0
CARD_LASTS = 300.0
REMEMBERED = 60


@dataclass(frozen=True)
class Model:
    """A model as the directory lists it."""

    name: str
    title: str
    labels: int


class Office:
    """Asks the gateway for everybody."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = GatewayClient(settings.gateway, settings.api_key, session=plain_session(THREADS))
        self.threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="ask")
        self.wakes = Wakes(self.client.ready)
        self._lock = threading.Lock()
        self._models: tuple[float, list[Model]] = (0.0, [])
        self._cards: dict[str, tuple[float, dict[str, Any]]] = {}
        self._latencies: dict[str, deque[float]] = {}

    def models(self) -> list[Model]:
        """The models there are, at most DIRECTORY_LASTS seconds old where the directory answers.

        Where it does not, those it listed last; GatewayError if it never did.
        """
        with self._lock:
            asked, known = self._models
            if not known or time.monotonic() - asked > DIRECTORY_LASTS:
                try:
                    known = [_model(entry) for entry in self.client.models()]
                except GatewayError:
                    if not known:
                        raise
                self._models = (time.monotonic(), known)
            return known

    def card(self, model: str) -> dict[str, Any]:
        """The model's card; it changes with a deployment only."""
        asked, card = self._cards.get(model, (0.0, None))
        if card is None or time.monotonic() - asked > CARD_LASTS:
            card = self.client.card(model)
            self._cards[model] = (time.monotonic(), card)
        return card

    def ask(self, model: str, picture: Picture) -> Answer:
        """The model's answer, told to nobody else; what is kept is that it came, and after how long."""
        try:
            answer = self.client.predict(model, picture.question, MOST_LABELS)
        except GatewayError as err:
            if err.status in {502, 503} or err.code == "unreachable":
                self.wakes.seen_absent(model)
            raise
        self.wakes.seen_awake(model)
        self._latencies.setdefault(model, deque(maxlen=REMEMBERED)).append(answer.timings.total)
        return answer

    def awake(self, model: str) -> Future[float]:
        """Done once the model can be asked."""
        return self.wakes.awake(model)

    def latencies(self, model: str) -> list[float]:
        """The milliseconds of the model's latest answers, oldest first."""
        return list(self._latencies.get(model, ()))


def _model(entry: dict[str, Any]) -> Model:
    labels = entry.get("labels")
    if isinstance(labels, list):
        labels = len(labels)
    return Model(str(entry["name"]), str(entry["title"]), labels if isinstance(labels, int) and labels > 0 else 1000)
