"""`python -m services.directory`: serve the list of models and the API's document."""

from __future__ import annotations

import os
import sys

import uvloop

from services.directory.app import create_app
from services.directory.document_file import DocumentFile
from services.directory.settings import Settings
from services.environment import SettingsError
from services.http.limits import Limits
from services.http.server import Server, listening_socket
from services.process import log_fatal, open_standard_streams
from services.published_document import DocumentError


def main() -> int:
    """Serve until stopped. Returns 0; or 1 after logging one line per mistake, if the service cannot start."""
    open_standard_streams()
    limits = Limits()
    try:
        settings = Settings.read(os.environ)
        app = create_app(settings, DocumentFile(settings.document), limits)
        listener = listening_socket(settings.host, settings.port)
    except SettingsError as err:
        for line in str(err).splitlines():
            log_fatal(line)
        return 1
    except DocumentError as err:
        log_fatal(f"GUICHET_DOCUMENT: {err}")
        return 1
    uvloop.run(Server(app, limits).serve([listener]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
