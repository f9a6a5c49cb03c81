"""`python -m services.export NAME…`: turn catalog entries into artifacts. `… add MODEL`: add an entry first."""

from __future__ import annotations

import sys
from typing import Any

import typer

from services.export.add.command import add
from services.export.command import export

OPTIONS: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app, add_app = typer.Typer(**OPTIONS), typer.Typer(**OPTIONS)
app.command()(export)
add_app.command()(add)


if __name__ == "__main__":
    # A command of its own would change how models are named here.
    if sys.argv[1:2] == ["add"]:
        add_app(sys.argv[2:], prog_name="python -m services.export add")
    app()
