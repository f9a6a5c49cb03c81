"""`python -m services.classifier`: serve the model that MODEL_NAME names."""

from __future__ import annotations

import os
import sys

from flask import Flask
from gunicorn.arbiter import Arbiter

from services.artifact import ArtifactError, verified_receipt
from services.classifier.settings import Settings, available_cpus
from services.web.environment import SettingsError
from services.web.logs import log_fatal
from services.web.server import PortTaken, listening_socket, serve

# Threads beyond the requests that may come in: they answer probes and refuse the rest.
SPARE_THREADS = 8


def main() -> int:
    """0 after a clean stop; not 0, and one line for each mistake, where the service cannot start."""
    try:
        settings = Settings.read(os.environ, available_cpus())
        verified_receipt(settings.artifact, settings.model_name)
        listener = listening_socket(settings.host, settings.port)
    except (SettingsError, ArtifactError, PortTaken) as err:
        for line in str(err).splitlines():
            log_fatal(line)
        return 1
    serve(lambda: _loaded_app(settings), listener, settings.concurrency + SPARE_THREADS)
    return 0


def _loaded_app(settings: Settings) -> Flask:
    """The application, made in the process that serves: OpenVINO's threads do not survive a fork."""
    from services.classifier.app import create_app
    from services.classifier.classifier import Classifier

    try:
        return create_app(settings, Classifier(settings.artifact, settings.model_name, settings.streams))
    except ArtifactError as err:
        log_fatal(str(err))
        # What gunicorn's arbiter takes for "do not try again".
        sys.exit(Arbiter.APP_LOAD_ERROR)


if __name__ == "__main__":
    sys.exit(main())
