"""What all visitors share, one per process: connections, threads, and what is known about the models.

It holds no images, requests or predictions.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from frontend.api.client import GatewayClient, Model, PredictResponse, plain_session
from frontend.api.errors import GatewayError
from frontend.api.readiness import Readiness
from frontend.images.image import Image
from frontend.settings import Settings

THREADS = 128
# Always request this many labels, so that showing more of them needs no new request.
MAX_LABELS = 10
# Seconds for which the directory's list and a model's card are cached.
MODELS_CACHED_FOR = 15.0
CARD_CACHED_FOR = 300.0
LATENCIES_KEPT = 60


class SharedState:
    """Sends the requests of all visitors."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = GatewayClient(settings.gateway, settings.api_key, session=plain_session(THREADS))
        self.threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="predict")
        self.readiness = Readiness(self._ready)
        self._lock = threading.Lock()
        self._models: tuple[float, list[Model]] = (0.0, [])
        self._cards: dict[str, tuple[float, dict[str, Any]]] = {}
        # From which score the predictions of evaluated models were right, as far as their cards are known.
        self.sure_from: dict[str, float] = {}
        self._latencies: dict[str, deque[float]] = {}

    def models(self) -> list[Model]:
        """The directory's models, cached. If the directory fails, the last known list, or else GatewayError."""
        with self._lock:
            fetched, models = self._models
            if not models or time.monotonic() - fetched > MODELS_CACHED_FOR:
                try:
                    models = self.client.models()
                except GatewayError:
                    if not models:
                        raise
                self._models = (time.monotonic(), models)
            return models

    def card(self, model: str) -> dict[str, Any]:
        """The model's card, cached; it changes only when the model is deployed again."""
        fetched, card = self._cards.get(model, (0.0, None))
        if card is None or time.monotonic() - fetched > CARD_CACHED_FOR:
            card = self.client.card(model)
            self._keep_bound(model, card.get("sure_from"))
            self._cards[model] = (time.monotonic(), card)
        return card

    def _ready(self, model: str) -> None:
        """Return once the model is ready and, if its service sends it, its card is known."""
        self.client.ready(model)
        with suppress(GatewayError):
            self.card(model)

    def predict(self, model: str, image: Image) -> PredictResponse:
        """Send the image to the model, and record only the latency and whether the model is ready."""
        try:
            response = self.client.predict(model, image.payload, MAX_LABELS)
        except GatewayError as err:
            if err.status in {502, 503} or err.code == "unreachable":
                self.readiness.forget(model)
            raise
        self.readiness.mark_ready(model)
        self._renew_card(model, response.version)
        self._latencies.setdefault(model, deque(maxlen=LATENCIES_KEPT)).append(response.timings.total)
        return response

    def _keep_bound(self, model: str, bound: object) -> None:
        if isinstance(bound, float) and 0 < bound <= 1:
            self.sure_from[model] = bound
        else:
            self.sure_from.pop(model, None)

    def _renew_card(self, model: str, version: str) -> None:
        """Fetch the model's card again if another version of it has just responded."""
        _, card = self._cards.get(model, (0.0, None))
        if card is None or version in {"", card.get("version")}:
            return
        self._cards[model] = (0.0, card | {"version": version})  # so that only one thread fetches it
        with suppress(GatewayError):
            self.card(model)

    def latencies(self, model: str) -> list[float]:
        """The milliseconds of the model's latest responses, oldest first."""
        return list(self._latencies.get(model, ()))
