"""Shows the local system in the terminal: progress, addresses and errors."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn

from deploy.local.processes import loopback_url
from deploy.local.supervisor import ProcessEvent
from deploy.plan.reference_scores import ReferenceScores
from services.catalog import Catalog, Model

# Relative to the repository's root, where `make run` is called.
IMAGENET_SAMPLE = Path("frontend/assets/samples/coffee.jpg")


class ProgressDisplay:
    """Shows a spinner per process on a terminal, lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[state]}[/]"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def open(self, names: list[str]) -> None:
        """Starts the display."""
        for name in names:
            self._tasks[name] = self._progress.add_task(name, total=1, state="waiting")
        self._progress.start()

    def show(self, event: ProcessEvent) -> None:
        """Shows an event."""
        state = {
            "started": "starting",
            "ready": f"ready after {event.seconds:.1f} s",
            "died": event.detail.partition(";")[0],
            "stopped": "stopped",
        }[event.what]
        task = self._tasks[event.process]
        self._progress.update(task, state=state, completed=1 if event.what == "ready" else 0)
        if event.what == "died":
            self.console.print(f"{event.process}: {event.detail}", style="red", markup=False)
        elif event.what == "ready" and not self._progress.live.is_started:
            self.console.print(f"{event.process}: {state}", markup=False)

    def close(self) -> None:
        """Ends the display; later events are printed as lines."""
        self._progress.stop()

    def welcome(
        self, models: list[Model], sample: Path | None, gateway_port: int, page_port: int, api_key: str
    ) -> None:
        """Prints the addresses, the key, and a command to paste, which sends `sample` to the first model."""
        gateway = loopback_url(gateway_port)
        self.console.print(
            Panel(
                f"Page      [bold]{loopback_url(page_port)}[/]\n"
                f"Gateway   [bold]{gateway}[/]   (its API: {gateway}/docs)\n"
                f"API key   [bold]{escape(api_key)}[/]\n"
                f"Models    {', '.join(model.name for model in models)}",
                title="Guichet is ready",
                expand=False,
                border_style="green",
            )
        )
        self.console.print("Try it:\n" if sample else "Try it with an image of your own:\n", end="")
        # Not wrapped, so that it can be pasted.
        self.console.print(
            curl_line(models[0], sample, gateway_port, api_key), soft_wrap=True, markup=False, highlight=False
        )
        self.console.print("\nCtrl-C stops everything.", style="dim")

    def compared(self, references: Collection[ReferenceScores], wrong: list[str]) -> None:
        """Prints whether the models return the scores of their references."""
        for sentence in wrong:
            self.console.print(sentence, style="red", markup=False)
        if references and not wrong:
            routes = ", ".join(reference.route for reference in references)
            self.console.print(f"Served as trained: {routes} returned the recorded scores.", markup=False)


def sample_image(catalog: Catalog, model: Model) -> Path | None:
    """An image that suits the model; None if there is none. Raises CatalogError if the entry names a missing one."""
    if samples := catalog.samples(model):
        return samples[0]
    return IMAGENET_SAMPLE if model.knows_samples else None


def page_samples(catalog: Catalog, models: Sequence[Model]) -> dict[str, Path]:
    """The images that the page offers, by file name: those of the entries, or photos that ImageNet has labels for."""
    own = [(model, file) for model in models for file in catalog.samples(model)]
    found = {file.name if len(models) == 1 else f"{model.name}-{file.name}": file for model, file in own}
    if any(model.knows_samples and not model.samples for model in models):
        found |= {file.name: file for file in sorted(IMAGENET_SAMPLE.parent.glob("*.jpg"))}
    return found


def curl_line(model: Model, sample: Path | None, gateway_port: int, api_key: str) -> str:
    """A command that classifies the sample, or else an image that the user has yet to name."""
    return shlex.join(
        [
            "curl",
            "-H",
            f"x-api-key: {api_key}",
            "--data-binary",
            f"@{sample or 'IMAGE.jpg'}",
            f"{loopback_url(gateway_port)}{model.route}/predict",
        ]
    )
