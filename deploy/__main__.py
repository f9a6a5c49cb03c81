"""`python -m deploy COMMAND`."""

from __future__ import annotations

from deploy.cli.app import app

if __name__ == "__main__":
    app(prog_name="python -m deploy")
