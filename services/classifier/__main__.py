"""`python -m services.classifier`: serve the model that MODEL_NAME names.

Imports little before the fork: the network is loaded after it, and everything else is imported meanwhile.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from services.artifact import ArtifactError, Receipt, verified_receipt
from services.classifier.settings import Settings, available_cpus
from services.classifier.workers.fork_server import ForkServer
from services.classifier.workers.memory import limit_heap
from services.classifier.workers.seccomp import forbid_inspection, is_available
from services.environment import SettingsError
from services.process import log_at_start, log_fatal, open_standard_streams

if TYPE_CHECKING:
    from services.classifier.parameters import Parameters
    from services.classifier.pipeline import Pipeline
    from services.classifier.prediction import AsyncPredict, Prediction


def main() -> int:
    """Serve until stopped. Returns 0; or 1 after logging one line per mistake, if the service cannot start."""
    open_standard_streams()
    limit_heap()
    # Almost nothing that is imported becomes garbage.
    gc.disable()
    try:
        settings = Settings.read(os.environ, available_cpus())
        receipt = verified_receipt(settings.artifact, settings.model_name)
        # Fork before listening: an inherited socket would keep the port open after this process has ended.
        load = partial(_worker_pipeline, settings.artifact, receipt)
        forbid_inspection()
        fork_server = ForkServer.open(load) if settings.processes else None
        restrict = _can_restrict(settings)
        if fork_server:
            fork_server = dataclasses.replace(fork_server, restrict=restrict)
        _serve(settings, receipt, fork_server)
    except (SettingsError, ArtifactError) as err:
        for line in str(err).splitlines():
            log_fatal(line)
        return 1
    return 0


def _can_restrict(settings: Settings) -> bool:
    """Whether workers will have a seccomp filter; raises SettingsError if they must have one."""
    restrict = settings.processes > 0 and is_available()
    if settings.sandbox_required and not restrict:
        raise SettingsError("GUICHET_SANDBOX: needs worker processes, and a kernel with seccomp filters")
    if not restrict:
        log_at_start("WARNING", "images are decoded without a seccomp filter")
    return restrict


def _serve(settings: Settings, receipt: Receipt, fork_server: ForkServer | None) -> None:
    import uvloop

    from services.classifier.app import create_app
    from services.classifier.served_model import ServedModel
    from services.classifier.workers.pool import Pool
    from services.http.limits import Limits
    from services.http.server import Server, listening_socket

    listener = listening_socket(settings.host, settings.port)
    limits = Limits(body=settings.max_body, body_seconds=settings.body_seconds)

    pool = Pool(fork_server, settings.processes, settings.max_body, _stop) if fork_server else None
    predict = pool.predict if pool else _in_a_thread(settings.artifact, receipt)
    server = Server(create_app(settings, ServedModel(receipt, predict), limits), limits)

    async def serve() -> None:
        if pool:
            pool.start()
        await server.serve([listener])

    uvloop.run(serve())


def _in_a_thread(folder: Path, receipt: Receipt) -> AsyncPredict:
    """Predict in this process, one image at a time: for systems without Linux's memfd."""
    import asyncio

    from services.classifier.decoding.pixels import decoded_pixels
    from services.classifier.pipeline import Network, Pipeline

    pipeline = Pipeline(partial(decoded_pixels, preprocess=receipt.preprocess), Network.load(folder, receipt))

    async def predict(image: bytes, parameters: Parameters) -> Prediction:
        return await asyncio.to_thread(pipeline.predict, image, parameters)

    return predict


def _worker_pipeline(folder: Path, receipt: Receipt) -> Pipeline:
    """The pipeline of the workers, whose decoder has limits."""
    # Do not let OpenVINO import its converter, which takes 60 ms and is not needed.
    sys.modules["openvino.tools"] = None  # type: ignore[assignment]  # makes the import fail
    from concurrent.futures import ThreadPoolExecutor

    from services.classifier.pipeline import Network, Pipeline

    with ThreadPoolExecutor(1) as loader:
        # OpenVINO compiles the network while Python imports the decoders.
        loading = loader.submit(Network.load, folder, receipt)
        from services.classifier.decoding.pixels import decoded_pixels
        from services.classifier.workers.large_image_lock import LargeImageLock
        from services.classifier.workers.sandbox import limited

    decode = partial(decoded_pixels, preprocess=receipt.preprocess, lock=LargeImageLock())
    return Pipeline(limited(decode), loading.result())


def _stop() -> None:
    """Stop the service, so that the platform restarts it."""
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
