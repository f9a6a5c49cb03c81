"""`python -m services.classifier`: serve the model that MODEL_NAME names."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from gunicorn.arbiter import Arbiter

from services.artifact import ArtifactError, verified_receipt
from services.classifier.decoding.alone import Alone
from services.classifier.decoding.child import Decode
from services.classifier.decoding.nursery import Nursery
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.pool import DecoderPool
from services.classifier.settings import Settings, available_cpus
from services.web.connection import Bounds
from services.web.environment import SettingsError
from services.web.logs import log_fatal
from services.web.memory import return_large_blocks
from services.web.server import PortTaken, listening_socket, serve

if TYPE_CHECKING:
    from flask import Flask

# Threads beyond the requests that may come in: they answer probes and refuse the rest.
SPARE_THREADS = 8


def main() -> int:
    """0 after a clean stop; not 0, and one line for each mistake, where the service cannot start."""
    return_large_blocks()
    try:
        settings = Settings.read(os.environ, available_cpus())
        receipt = verified_receipt(settings.artifact, settings.model_name)
        alone = Alone() if settings.decoders else threading.Lock()
        decode = partial(decoded_pixels, preprocess=receipt.preprocess, alone=alone)
        # Before the socket: its copy in another process would keep the port open after this one stopped listening.
        nursery = Nursery.open(decode) if settings.decoders else None
        listener = listening_socket(settings.host, settings.port)
    except (SettingsError, ArtifactError, PortTaken) as err:
        for line in str(err).splitlines():
            log_fatal(line)
        return 1
    bounds = Bounds(body=settings.max_body, body_seconds=settings.body_seconds)
    serve(
        lambda: _loaded_app(settings, receipt.preprocess.crop, decode, nursery),
        listener,
        settings.concurrency + SPARE_THREADS,
        bounds,
    )
    return 0


def _loaded_app(settings: Settings, side: int, decode: Decode, nursery: Nursery | None) -> Flask:
    """The application, made in the process that serves: OpenVINO's threads do not survive a fork."""
    from services.classifier.classifier import Classifier

    if nursery:
        decode = DecoderPool(nursery, side, settings.decoders, settings.max_body, _end_instance).pixels
    with ThreadPoolExecutor(1) as loader:
        # OpenVINO compiles the network on one processor while Python loads Flask on another.
        loading = loader.submit(Classifier, settings.artifact, settings.model_name, settings.streams, decode)
        from services.classifier.app import create_app
    try:
        return create_app(settings, loading.result())
    except ArtifactError as err:
        log_fatal(str(err))
        # What gunicorn's arbiter takes for "do not try again".
        sys.exit(Arbiter.APP_LOAD_ERROR)


def _end_instance() -> None:
    """Stop the arbiter, and so everything: whoever runs the service starts it anew."""
    os.kill(os.getppid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
