"""Serves the page: `python -m frontend`, from the repository's root, until SIGTERM or Ctrl-C.

Configured by the environment: API_GATEWAY, API_KEY_FILE (or API_KEY), HOST, PORT, SHOWN_API_KEY; see
`frontend.settings.read_settings`. GET /_stcore/health returns `ok` once the page is up.
"""

from __future__ import annotations

import socket
import sys

from frontend.serve.memory import limit_unused_memory
from frontend.settings import SettingsError, settings


def main() -> int:
    """Serve the page; the exit status, 1 if the settings are invalid or the port is in use."""
    try:
        found = settings()
    except SettingsError as err:
        print(f"frontend: {err}", file=sys.stderr)
        return 1
    if found.port and in_use(found.host, found.port):
        print(f"frontend: port {found.port} is in use; set PORT to another one", file=sys.stderr)
        return 1
    limit_unused_memory()
    # Not at the top: importing Streamlit takes most of a second.
    from frontend.serve.application import application
    from frontend.serve.options import streamlit_options

    application(found).run(config=streamlit_options(found))
    return 0


def in_use(host: str, port: int) -> bool:
    """Whether the address cannot be listened on."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
