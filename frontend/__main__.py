"""Serves the page: `python -m frontend`, from the repository's root.

The environment is the command line: API_GATEWAY, API_KEY_FILE (or API_KEY), HOST, PORT, SHOWN_API_KEY; see
`frontend.settings.read_settings`. GET /_stcore/health answers `ok` once the page is up. SIGTERM and Ctrl-C end it.
"""

from __future__ import annotations

import socket
import sys

from frontend.settings import SettingsError, settings


def main() -> int:
    """The page in this process until it is told to stop; 1 and one line where the settings make no sense."""
    try:
        wanted = settings()
    except SettingsError as err:
        print(f"frontend: {err}", file=sys.stderr)
        return 1

    if wanted.port and taken(wanted.host, wanted.port):
        print(f"frontend: port {wanted.port} is taken; set PORT to another one", file=sys.stderr)
        return 1
    # Only now: importing Streamlit takes most of a second.
    from frontend.serve.application import options, page

    page().run(config=options(wanted))
    return 0


def taken(host: str, port: int) -> bool:
    """Whether somebody else listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
