"""From a request to its prediction; and `POST /predict`, the route with most of the traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl

from prometheus_client import Histogram

from services.classifier.admission import Admission
from services.classifier.not_an_image import not_an_image
from services.classifier.prediction import Prediction, Timings
from services.classifier.problems import FetchType, ImageUnsupported, UrlDisabled
from services.classifier.request_body import (
    PredictRequest,
    is_plain_image,
    predict_request,
    require_uncompressed,
)
from services.classifier.served_model import ServedModel
from services.classifier.settings import Settings
from services.http.application import Response
from services.http.request import Request
from services.problems import CallerGone

if TYPE_CHECKING:
    from services.classifier.fetch.transport import PublicNetwork

LARGE_BODY: Final = 1 << 20
# How often to check, during a fetch, whether the caller has disconnected.
GONE_SECONDS: Final = 0.1
STEPS = Histogram(
    "guichet_step_seconds",
    "Seconds that the steps of a prediction took.",
    ["step"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)

Result = TypeVar("Result")


class Predictor:
    """Predicts images within the admission and the deadline; slow work is done in workers and threads."""

    def __init__(self, settings: Settings, model: ServedModel) -> None:
        self.model = model
        self._settings = settings
        self._admission = Admission(settings.concurrency, settings.workers)
        self.headers = [
            (b"x-model", model.receipt.model.encode()),
            (b"x-model-version", model.receipt.version.encode()),
        ]
        # Parsing a large form or JSON needs several copies of it, so parse one at a time.
        self._large = asyncio.Lock()
        self._network = cache(partial(_public_network, settings))
        self._steps = [STEPS.labels(step) for step in vars(Timings())]

    def admitted(self, request: Request) -> AbstractContextManager[None]:
        """The admission of one request, which covers all its images; raises Overloaded, or refuses its coding."""
        require_uncompressed(request.headers.get(b"content-encoding", b"").decode("latin-1"))
        return self._admission.request()

    def deadline(self, request: Request) -> float:
        """The time, by the loop's clock, by which `request` should have its response."""
        return request.arrived + self._settings.deadline

    async def parsed(self, parse: Callable[[], Result], request: Request) -> Result:
        """The result of `parse`, which reads a form or JSON in the body of `request`."""
        if len(request.body) <= LARGE_BODY:
            return await asyncio.to_thread(parse)
        async with self._large:
            return await asyncio.to_thread(parse)

    async def predict(self, wanted: PredictRequest, request: Request) -> tuple[Prediction, Timings]:
        """The prediction for one image of an admitted request; raises a Problem."""
        until, timings, image = self.deadline(request), Timings(), wanted.image
        if image is None:
            with self._admission.fetch():
                started = asyncio.get_running_loop().time()
                image = await _unless_gone(self._fetched(wanted.url or "", until), request.gone)
                timings.fetch = asyncio.get_running_loop().time() - started
        async with self._admission.worker(until, request.gone) as timings.queue:
            try:
                prediction = await self.model.predict(image, wanted.parameters)
            except ImageUnsupported as problem:
                if wanted.image is not None:
                    raise
                raise FetchType(f"At the URL: {problem.detail}") from problem
        timings.decode, timings.infer = prediction.decode, prediction.infer
        for step, seconds in zip(self._steps, vars(timings).values(), strict=True):
            step.observe(seconds)
        return prediction, timings

    async def _fetched(self, url: str, until: float) -> bytes:
        if not self._settings.url_fetch:
            raise UrlDisabled("This service does not fetch images by URL; send the image itself.")
        # Import this when it is first needed; many services never fetch.
        from services.classifier.fetch.fetch import fetch_image

        seconds = min(self._settings.url_seconds, until - asyncio.get_running_loop().time())
        return await fetch_image(
            url,
            self._network(),
            seconds=seconds,
            max_bytes=self._settings.max_body,
            user_agent=self._settings.user_agent,
        )


async def predict(predictor: Predictor, request: Request) -> Response:
    """`POST /predict`; raises a Problem."""
    content_type = request.headers.get(b"content-type", b"").decode("latin-1")
    query = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)
    receipt = predictor.model.receipt
    parse = partial(predict_request, content_type, request.body, query, receipt.labels, receipt.scores)
    with predictor.admitted(request):
        wanted = parse() if is_plain_image(content_type) else await predictor.parsed(parse, request)
        try:
            prediction, timings = await predictor.predict(wanted, request)
        except ImageUnsupported as problem:
            raise not_an_image(wanted.image or b"", wanted.media_type, wanted.place, problem) from problem
    # Let the next request use the worker before this response is written.
    await asyncio.sleep(0)
    return Response(
        HTTPStatus.OK, b"application/json", prediction.body, predictor.headers, timing=timings.server_timing
    )


def _public_network(settings: Settings) -> PublicNetwork:
    from services.classifier.fetch.transport import PublicNetwork

    return PublicNetwork(loopback=settings.url_loopback)


async def _unless_gone(work: Coroutine[Any, Any, Result], gone: Callable[[], bool]) -> Result:
    """The result of `work`, which is cancelled if this coroutine is, or when the caller disconnects."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=GONE_SECONDS))[0]:
            if gone():
                raise CallerGone("The caller has disconnected.")
        return task.result()
    finally:
        task.cancel()
