"""`POST /predict`: from the request to the best labels. The hot path outside the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl

from prometheus_client import Histogram

from services.classifier.admission import Admission
from services.classifier.prediction import Prediction, Timings
from services.classifier.problems import FetchType, ImageUnsupported, UrlDisabled
from services.classifier.request_body import (
    PredictRequest,
    is_plain_image,
    predict_request,
    refuse_media_type,
)
from services.classifier.served_model import ServedModel
from services.classifier.settings import Settings
from services.http.application import Response
from services.http.problems import CallerGone
from services.http.request import Request

if TYPE_CHECKING:
    from services.classifier.fetch.transport import PublicNetwork

LARGE_BODY: Final = 1 << 20
# Between two looks whether the caller whose image is being fetched has left.
GONE_SECONDS: Final = 0.1
STEPS = Histogram(
    "guichet_step_seconds",
    "Seconds that the steps of a prediction took.",
    ["step"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)

Result = TypeVar("Result")


class PredictRoute:
    """Responds to predictions. What takes long is done in workers and threads."""

    def __init__(self, settings: Settings, model: ServedModel) -> None:
        self._settings, self._model = settings, model
        self._admission = Admission(settings.concurrency, settings.workers)
        self._headers = [
            (b"x-model", model.receipt.model.encode()),
            (b"x-model-version", model.receipt.version.encode()),
        ]
        # Taking a large form or JSON apart needs several copies of it: one at a time.
        self._large = asyncio.Lock()
        self._network = cache(partial(_public_network, settings))
        self._steps = [STEPS.labels(step) for step in vars(Timings())]

    async def __call__(self, request: Request) -> Response:
        """Raises a Problem."""
        until = request.arrived + self._settings.deadline
        timings = Timings()
        with self._admission.request():
            asked = await self._read(request)
            image = asked.image
            if image is None:
                with self._admission.fetch():
                    started = asyncio.get_running_loop().time()
                    image = await _unless_gone(self._fetched(asked.url or "", until), request.gone)
                    timings.fetch = asyncio.get_running_loop().time() - started
            async with self._admission.worker(until, request.gone) as timings.queue:
                prediction = await self._predicted(image, asked, request)
        # The next image goes to the worker before this response is written.
        await asyncio.sleep(0)
        timings.decode, timings.infer = prediction.decode, prediction.infer
        for step, seconds in zip(self._steps, vars(timings).values(), strict=True):
            step.observe(seconds)
        return Response(
            HTTPStatus.OK, b"application/json", prediction.body, self._headers, timing=timings.server_timing
        )

    async def _read(self, request: Request) -> PredictRequest:
        content_type = request.headers.get(b"content-type", b"").decode("latin-1")
        query = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)
        read = partial(predict_request, content_type, request.body, query, self._model.receipt.labels)
        if is_plain_image(content_type):
            return read()
        if len(request.body) <= LARGE_BODY:
            return await asyncio.to_thread(read)
        async with self._large:
            return await asyncio.to_thread(read)

    async def _fetched(self, url: str, until: float) -> bytes:
        if not self._settings.url_fetch:
            raise UrlDisabled("This service does not fetch images by URL; send the image itself.")
        # Imported when it is first needed, which in many services is never.
        from services.classifier.fetch.fetch import fetch_image

        seconds = min(self._settings.url_seconds, until - asyncio.get_running_loop().time())
        return await fetch_image(url, self._network(), seconds=seconds, max_bytes=self._settings.max_body)

    async def _predicted(self, image: bytes, asked: PredictRequest, request: Request) -> Prediction:
        try:
            return await self._model.predict(image, asked.parameters)
        except ImageUnsupported as problem:
            if asked.image is None:
                raise FetchType("The URL does not lead to an image.") from problem
            refuse_media_type(request.headers.get(b"content-type", b"").decode("latin-1"), problem)


def _public_network(settings: Settings) -> PublicNetwork:
    from services.classifier.fetch.transport import PublicNetwork

    return PublicNetwork(loopback=settings.url_loopback)


async def _unless_gone(work: Coroutine[Any, Any, Result], gone: Callable[[], bool]) -> Result:
    """The result of `work`, which is cancelled with us, or when the caller has gone."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=GONE_SECONDS))[0]:
            if gone():
                raise CallerGone("The caller has gone.")
        return task.result()
    finally:
        task.cancel()
