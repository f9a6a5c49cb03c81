"""`python -m services.classifier`: serve the model that MODEL_NAME names."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from services.artifact import ArtifactError, Receipt, verified_receipt
from services.classifier.processes.fork_server import ForkServer
from services.classifier.settings import Settings, available_cpus
from services.web.environment import SettingsError
from services.web.logs import log_fatal
from services.web.memory import keep_little_memory

if TYPE_CHECKING:
    from services.classifier.answer import Answer, Ask
    from services.classifier.parameters import Parameters
    from services.classifier.pipeline import Pipeline
    from services.web.direct import Direct
    from services.web.loop import Loop

# Threads beyond the requests that may come in: for probes, and whatever else is asked.
SPARE_THREADS = 8


def main() -> int:
    """0 after a clean stop; not 0, and one line for each mistake, where the service cannot start."""
    keep_little_memory()
    try:
        settings = Settings.read(os.environ, available_cpus())
        receipt = verified_receipt(settings.artifact, settings.model_name)
        # Before the socket: its copy in another process would keep the port open after this one stopped listening.
        load = partial(_limited_pipeline, settings.artifact, receipt)
        fork_server = ForkServer.open(load) if settings.processes else None
        _serve(settings, receipt, fork_server)
    except (SettingsError, ArtifactError) as err:
        for line in str(err).splitlines():
            log_fatal(line)
        return 1
    return 0


def _serve(settings: Settings, receipt: Receipt, fork_server: ForkServer | None) -> None:
    # Python loads what speaks HTTP on one processor while OpenVINO loads the network on another.
    from services.web.connection import Bounds
    from services.web.server import listening_socket, serve

    listener = listening_socket(settings.host, settings.port)
    bounds = Bounds(body=settings.max_body, body_seconds=settings.body_seconds)
    threads = settings.concurrency + SPARE_THREADS
    serve(partial(_loaded_app, settings, receipt, fork_server), listener, threads, bounds)


def _loaded_app(settings: Settings, receipt: Receipt, fork_server: ForkServer | None, loop: Loop) -> Direct:
    """The application, made in the process that serves."""
    from gunicorn.arbiter import Arbiter

    from services.classifier.app import create_app
    from services.classifier.classifier import Classifier
    from services.classifier.processes.pool import Pool

    try:
        ask = (
            Pool(loop, fork_server, settings.processes, settings.max_body, _end_instance).answer
            if fork_server
            else _in_a_thread(settings.artifact, receipt, loop)
        )
    except ArtifactError as err:
        log_fatal(str(err))
        # What gunicorn's arbiter takes for "do not try again".
        sys.exit(Arbiter.APP_LOAD_ERROR)
    return create_app(settings, Classifier(receipt, ask), loop)


def _limited_pipeline(folder: Path, receipt: Receipt) -> Pipeline:
    """For processes that are expendable."""
    # OpenVINO does without its converter, which takes 60 ms to import and is of no use here.
    sys.modules["openvino.tools"] = None  # type: ignore[assignment]  # so the import system says "not here"
    from services.classifier.pipeline import Network, Pipeline

    with ThreadPoolExecutor(1) as loader:
        # OpenVINO compiles the network while Python loads the decoders.
        loading = loader.submit(Network.load, folder, receipt)
        from services.classifier.decoding.pixels import decoded_pixels
        from services.classifier.processes.alone import Alone
        from services.classifier.processes.child import limited

    decode = partial(decoded_pixels, preprocess=receipt.preprocess, alone=Alone())
    return Pipeline(limited(decode), loading.result())


def _in_a_thread(folder: Path, receipt: Receipt, loop: Loop) -> Ask:
    """In this process, one at a time, for systems without Linux's memory files."""
    from services.classifier.decoding.pixels import decoded_pixels
    from services.classifier.pipeline import Network, Pipeline

    pipeline = Pipeline(partial(decoded_pixels, preprocess=receipt.preprocess), Network.load(folder, receipt))

    async def ask(image: bytes, parameters: Parameters) -> Answer:
        return await loop.elsewhere(partial(pipeline.answer, image, parameters))

    return ask


def _end_instance() -> None:
    """Stop the arbiter, and so everything: whoever runs the service starts it anew."""
    os.kill(os.getppid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
