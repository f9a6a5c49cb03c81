"""The command line of `make classify`."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from frontend.api.client import GatewayClient
from frontend.api.errors import GatewayError
from frontend.classify.accuracy import accuracies
from frontend.classify.results import FORMATS, Journal, Result, write_results
from frontend.classify.run import Job, predicted, run_jobs, wake
from frontend.classify.sources import NoImages, Source, find_sources
from frontend.settings import Settings, SettingsError, read_settings

# Those of `make run`.
GATEWAY, API_KEY = "http://127.0.0.1:8080", "local"
FAILED, USAGE, INTERRUPTED = 1, 2, 130
# How many images of each error are named.
EXAMPLES = 3

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(stderr=True)


@app.command()
def classify(
    images: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|LIST",
            help="A folder, searched with the folders in it; or a text file with one URL or file per line.",
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="The models; repeatable, or several in quotes.", show_default="all models"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write: .csv or .json.")] = Path("results.csv"),
    top: Annotated[int, typer.Option(min=1, max=1000, help="Labels per image.")] = 5,
    parallel: Annotated[int, typer.Option(min=1, max=256, help="Requests at a time.")] = 8,
    gateway: Annotated[
        str, typer.Option(help="The gateway's address. Or set GATEWAY_URL. Default: that of `make run`.")
    ] = "",
    key_file: Annotated[
        str, typer.Option(help="The file that contains the API key. Or set API_KEY_FILE, or API_KEY. Default: local.")
    ] = "",
) -> None:
    """Classify many images with one or more models, and write the labels to a file.

    Images are sent in parallel, and again after `Retry-After` if a service is overloaded. After Ctrl-C, the same
    command continues where it stopped; it also repeats failures that are likely to pass. If the folders are named
    after labels, it prints each model's accuracy.

    Exit codes: 0 everything was predicted, 1 some images failed, 2 wrong usage or no connection, 130 interrupted.
    """
    if out.suffix.lower() not in FORMATS:
        _quit(f"--out should end in {' or '.join(FORMATS)}, not {out.name!r}")
    if not out.parent.is_dir():
        _quit(f"the folder of --out, {out.parent}, does not exist")
    try:
        settings = _settings(gateway, key_file)
        sources = find_sources(images)
        client = GatewayClient(settings.gateway, settings.api_key)
        names = _models(client, " ".join(model or []).split(), settings.gateway)
    except (SettingsError, NoImages) as err:
        _quit(str(err))
    try:
        results, complete = _results(client, sources, names, out, top, parallel)
    except OSError as err:
        _quit(f"the results cannot be written to {out}: {err.strerror}")
    if not complete:
        console.print(f"Interrupted with {len(results):,} results. The same command continues.", highlight=False)
        raise typer.Exit(INTERRUPTED)
    _report(results, out, top)
    raise typer.Exit(FAILED if any(result.error for result in results) else 0)


def _settings(gateway: str, key_file: str) -> Settings:
    environ = os.environ
    return read_settings(
        {
            "API_GATEWAY": gateway or environ.get("GATEWAY_URL") or environ.get("API_GATEWAY") or GATEWAY,
            "API_KEY_FILE": key_file or environ.get("API_KEY_FILE", ""),
            "API_KEY": environ.get("API_KEY") or API_KEY,
        }
    )


def _models(client: GatewayClient, wanted: Sequence[str], address: str) -> list[str]:
    """The models to ask; ends the program if there is no gateway or no such model."""
    try:
        listed = [one.name for one in client.models()]
    except GatewayError as err:
        hint = " Start it with `make run`, or set GATEWAY_URL." if err.code == "unreachable" else ""
        _quit(f"{address}: {err.detail}{hint}")
    if unknown := [name for name in wanted if name not in listed]:
        _quit(f"there is no model {unknown[0]!r}; the models are {', '.join(listed)}")
    return list(dict.fromkeys(wanted)) or listed


def _results(
    client: GatewayClient, sources: Sequence[Source], models: Sequence[str], out: Path, top: int, parallel: int
) -> tuple[list[Result], bool]:
    """All results in order, and whether the run is complete; a complete run has written the file."""
    journal = Journal(out.with_name(f"{out.name}.partial"), top)
    jobs = [Job(source, model) for source in sources for model in models]
    stamps = {source.name: source.stamp for source in sources}
    found: dict[tuple[str, str], Result] = {}
    for source, model in jobs:
        if result := journal.done(source.name, model, stamps[source.name]):
            found[result.key] = result
    stop = threading.Event()
    failed = Counter({True: 0})
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("classifying", total=len(jobs), completed=len(found))

        def done(result: Result) -> None:
            if stop.is_set() and result.temporary:
                return
            journal.add(result, stamps[result.image])
            found[result.key] = result
            failed[bool(result.error)] += 1
            progress.update(task, advance=1, description=f"classifying, {failed[True]} failed")

        left = [job for job in jobs if (job.source.name, job.model) not in found]
        started = time.monotonic()
        wake(client, {job.model for job in left})
        complete = run_jobs(left, lambda job: predicted(client, job, top, stop), parallel, stop, done)
    results = [found[job.source.name, job.model] for job in jobs if (job.source.name, job.model) in found]
    if complete:
        write_results(out, results, top)
        if left:
            seconds = time.monotonic() - started
            console.print(
                f"{len(left):,} predictions in {seconds:.1f} s, {len(left) / seconds:.0f} a second", highlight=False
            )
    journal.close(delete=complete and not any(result.temporary for result in results))
    return results, complete


def _report(results: Sequence[Result], out: Path, top: int) -> None:
    """Print the failures, each model's accuracy, and where the results are."""
    screen = Console()
    failures: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        if result.error:
            failures[result.error, result.detail].append(result)
    for (code, detail), failed in failures.items():
        names = ", ".join(dict.fromkeys(result.image for result in failed[:EXAMPLES]))
        more = f" and {len(failed) - EXAMPLES} more" if len(failed) > EXAMPLES else ""
        screen.print(f"{code}: {names}{more}. {detail}", style="red", highlight=False, markup=False)
    if found := accuracies(results):
        table = Table("model", "images", "best label right", f"right label among {top}")
        for model, each in found.items():
            table.add_row(model, str(each.images), *(f"{right / each.images:.1%}" for right in (each.best, each.any)))
        screen.print(table)
    screen.print(f"{out}: {len(results):,} results", highlight=False, markup=False, soft_wrap=True)


def _quit(message: str) -> NoReturn:
    console.print(f"classify: {message}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(USAGE)
