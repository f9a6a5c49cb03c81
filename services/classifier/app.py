"""The HTTP face of one model."""

from __future__ import annotations

import io
import threading
import time
from contextlib import nullcontext
from dataclasses import asdict
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from prometheus_client import Histogram

from services.classifier.admission import Admission
from services.classifier.answer import Times
from services.classifier.classifier import Classifier
from services.classifier.inputs import Question, question, refuse_media_type
from services.classifier.problems import FetchType, ImageUnsupported, NotReady, UrlDisabled
from services.classifier.settings import Settings
from services.web.door import Door
from services.web.envelope import wrap_answers
from services.web.errors import handle_problems
from services.web.exchange import ARRIVED, DOOR, GONE
from services.web.metrics import metrics_page

if TYPE_CHECKING:
    from services.classifier.fetch import Fetcher

LARGE_BODY = 1 << 20
FORMATS = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]
STEPS = Histogram(
    "guichet_step_seconds",
    "Seconds that the steps of a prediction took.",
    ["step"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)


def create_app(settings: Settings, classifier: Classifier) -> Flask:
    """The WSGI application that answers for `classifier`."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    admission = Admission(settings.concurrency, settings.turns)
    reading = threading.Lock()
    seen = {step: STEPS.labels(step) for step in vars(Times())}
    fetcher = cache(partial(_fetcher, settings))
    handle_problems(app)
    wrap_answers(app, settings.origins)
    app.extensions[DOOR] = Door("POST", "/predict", admission.refused, settings.origins)

    @app.post("/predict")
    def predict() -> Response:
        environ = request.environ
        until = environ.get(ARRIVED, time.monotonic()) + settings.deadline
        gone = environ.get(GONE, bool)
        times = Times()
        with admission.place():
            asked = _question(environ, reading, classifier.receipt.labels)
            image = asked.image
            if image is None:
                with admission.fetch():
                    started = time.perf_counter()
                    image = fetcher().image(asked.url or "", until, gone)
                    times.fetch = time.perf_counter() - started
            with admission.turn(until, gone) as times.queue:
                try:
                    answer = classifier.answer(image, asked.parameters)
                except ImageUnsupported as problem:
                    if asked.image is None:
                        raise FetchType("The address does not answer with an image.") from problem
                    refuse_media_type(request.content_type or "", problem)
        times.decode, times.infer = answer.decode, answer.infer
        for step, seconds in vars(times).items():
            seen[step].observe(seconds)
        response = Response(answer.body, content_type="application/json")
        response.headers["Server-Timing"] = times.server_timing
        response.headers["X-Model"] = classifier.receipt.model
        response.headers["X-Model-Version"] = classifier.receipt.version
        return response

    @app.get("/model")
    def model() -> dict[str, Any]:
        return model_card(settings, classifier)

    @app.get("/live")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/ready")
    def ready() -> dict[str, str]:
        if not classifier.healthy:
            raise NotReady("The model gives no valid scores.")
        return {"status": "ready", "model": classifier.receipt.model, "version": classifier.receipt.version}

    app.add_url_rule("/metrics", "metrics", metrics_page)
    return app


def _question(environ: dict[str, Any], reading: threading.Lock, labels: int) -> Question:
    """What is asked; the body is let go, since a form and JSON hold the image within it a second time.

    Taking one apart needs several copies of it for a moment: no two large ones at once.
    """
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO()
    with reading if len(body) > LARGE_BODY else nullcontext():
        return question(request.content_type or "", body, request.args, labels)


def model_card(settings: Settings, classifier: Classifier) -> dict[str, Any]:
    """What there is to know about the model, its export receipt included."""
    receipt = classifier.receipt
    side = receipt.preprocess.crop
    return {
        "name": receipt.model,
        "title": receipt.title,
        "architecture": receipt.architecture,
        "input": {"width": side, "height": side, "formats": FORMATS, "max_bytes": settings.max_body},
        "labels": receipt.labels,
        "precision": receipt.precision,
        "version": receipt.version,
        "receipt": asdict(receipt),
    }


def _fetcher(settings: Settings) -> Fetcher:
    """What fetches images; raises UrlDisabled where the service is told to fetch none."""
    if not settings.url_fetch:
        raise UrlDisabled("This service does not fetch images by address; send the image itself.")
    # requests takes a while to import, and many services never need it.
    from services.classifier.fetch import Fetcher
    from services.classifier.outgoing import Outgoing

    return Fetcher(settings.max_body, settings.url_seconds, Outgoing(loopback=settings.url_loopback))
