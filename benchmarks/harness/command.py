"""The command line of a benchmark: `main`'s parameters are its options."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console

from benchmarks.harness.artifacts import ExportFailed
from benchmarks.harness.load import LoadFailed
from benchmarks.harness.photos import NoPhotos
from benchmarks.harness.process import ProcessFailed, adopt_orphans, end_descendants

console = Console(highlight=False, soft_wrap=True)
FAILURES = (ExportFailed, LoadFailed, NoPhotos, ProcessFailed)


def run(main: Callable[..., Any]) -> None:
    """Run `main` from the shell and exit; descendants never outlive it, and expected failures are one red line."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(main)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    adopt_orphans()
    try:
        app()
    except FAILURES as err:
        console.print(str(err), style="red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        end_descendants()
