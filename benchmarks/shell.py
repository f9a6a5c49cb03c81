"""How the programs of this folder are run from a shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer


def run(main: Callable[..., Any]) -> None:
    """Run `main`, its parameters being the command's options, and end the process."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(main)
    app()
