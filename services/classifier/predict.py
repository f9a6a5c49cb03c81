"""`POST /predict`: from WSGI's environment to the best labels. The hot path on this side of the processes."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, partial
from http import HTTPStatus
from urllib.parse import parse_qsl

from prometheus_client import Histogram
from werkzeug.datastructures import MultiDict

from services.classifier.admission import Admission
from services.classifier.answer import Times
from services.classifier.classifier import Classifier
from services.classifier.inputs import Question, is_an_image_itself, question, refuse_media_type
from services.classifier.problems import FetchType, ImageUnsupported, UrlDisabled
from services.classifier.settings import Settings
from services.web.exchange import ARRIVED, GONE, Environ, Reply
from services.web.loop import Loop

LARGE_BODY = 1 << 20
STEPS = Histogram(
    "guichet_step_seconds",
    "Seconds that the steps of a prediction took.",
    ["step"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)


class Predict:
    """Answers predictions in the loop; what takes long, processes and threads do."""

    def __init__(self, settings: Settings, classifier: Classifier, loop: Loop) -> None:
        self._admission = Admission(loop, settings.concurrency, settings.turns)
        self._classifier, self._loop, self._deadline = classifier, loop, settings.deadline
        self._model = {"X-Model": classifier.receipt.model, "X-Model-Version": classifier.receipt.version}
        self._reading = threading.Lock()
        self._steps = {step: STEPS.labels(step) for step in vars(Times())}
        self._fetcher = cache(partial(_fetcher, settings))

    async def __call__(self, environ: Environ) -> Reply:
        """Raises a Problem."""
        until = environ.get(ARRIVED, time.monotonic()) + self._deadline
        gone = environ.get(GONE, bool)
        times = Times()
        with self._admission.place():
            asked = await self._question(environ)
            image = asked.image
            if image is None:
                with self._admission.fetch():
                    started = time.perf_counter()
                    image = await self._loop.elsewhere(
                        lambda: self._fetcher()(asked.url or "", until - time.monotonic())
                    )
                    times.fetch = time.perf_counter() - started
            async with self._admission.turn(until, gone) as times.queue:
                try:
                    answer = await self._classifier.answer(image, asked.parameters)
                except ImageUnsupported as problem:
                    if asked.image is None:
                        raise FetchType("The address does not answer with an image.") from problem
                    refuse_media_type(environ.get("CONTENT_TYPE", ""), problem)
        # The next one's work begins before this one's answer is written.
        await self._loop.others()
        times.decode, times.infer = answer.decode, answer.infer
        for step, seconds in vars(times).items():
            self._steps[step].observe(seconds)
        headers = {"Server-Timing": times.server_timing} | self._model
        return Reply(HTTPStatus.OK, "application/json", answer.body, headers)

    async def _question(self, environ: Environ) -> Question:
        """What is asked; the body is let go, since a form and JSON hold the image within it a second time."""
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO()
        content_type = environ.get("CONTENT_TYPE", "")
        query = MultiDict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        ask = partial(question, content_type, body, query, self._classifier.receipt.labels)
        if is_an_image_itself(content_type):
            return ask()
        return await self._loop.elsewhere(partial(self._taken_apart, ask, len(body)))

    def _taken_apart(self, ask: Callable[[], Question], size: int) -> Question:
        """Several copies of the body are needed for a moment: no two large ones at once."""
        with self._reading if size > LARGE_BODY else nullcontext():
            return ask()


def _fetcher(settings: Settings) -> Callable[[str, float], bytes]:
    """Fetches an image by its URL within so many seconds; raises UrlDisabled if the service is told to fetch none."""
    if not settings.url_fetch:
        raise UrlDisabled("This service does not fetch images by address; send the image itself.")
    # httpcore takes a while to import, and many services never need it.
    from services.classifier.fetch.fetch import fetch_image
    from services.classifier.fetch.transport import PublicNetwork

    network = PublicNetwork(loopback=settings.url_loopback)

    def fetch(url: str, seconds: float) -> bytes:
        limit = min(seconds, settings.url_seconds)
        return asyncio.run(fetch_image(url, network, seconds=limit, max_bytes=settings.max_body))

    return fetch
