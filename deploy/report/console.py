"""Prints plans, findings and progress: live on a terminal, line by line elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from deploy.errors import DeployError
from deploy.plan.steps import BuildImage, Command, Plan, SmokeTest, Step
from deploy.report.script import shell_line

if TYPE_CHECKING:
    from deploy.report.doctor import Finding

FILE_WIDTH = 240
SIGNS = {"create": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red"), "check": ("?", "cyan")}
DONE = {"create": "created", "change": "changed", "remove": "removed", "check": "checked"}


def output_console() -> Console:
    """Standard output, without automatic highlighting; lines are not wrapped in a file."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=FILE_WIDTH)


def error_console() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def show_plan(console: Console, plan: Plan, title: str, *, commands: bool = True) -> None:
    """The plan's steps, and its commands."""
    if not plan:
        console.print(f"{title}: nothing to do, everything is up to date.")
    else:
        console.print(f"{title}:")
    for step in plan.steps:
        sign, colour = SIGNS[step.verb]
        why = f" ({step.why})" if step.why else ""
        console.print(f"  [{colour}]{sign}[/] ", end="")
        console.print(f"{step.verb} {step.what}{why}", markup=False)
    for remark in plan.remarks:
        console.print("  [yellow]![/] ", end="")
        console.print(remark, markup=False)
    if plan:
        counts = [f"{count} to {verb}" for verb in SIGNS if (count := sum(step.verb == verb for step in plan.steps))]
        console.print(f"\n{', '.join(counts)}.")
    if plan and commands:
        console.print("\nThe commands:")
        for line in command_lines(plan):
            console.print(f"  {line}", markup=False)


def show_findings(console: Console, findings: list[Finding]) -> None:
    """The doctor's findings, with their remedies."""
    signs = {"met": "[green]✓[/]", "missing": "[red]✗[/]", "unclear": "[yellow]![/]"}
    for finding in findings:
        console.print(signs[finding.verdict], end=" ")
        console.print(finding.what, markup=False)
        if finding.remedy:
            console.print(f"    {finding.remedy}", markup=False)


def command_lines(plan: Plan) -> Iterator[str]:
    """The commands of a plan; `${NAME}` is a value that an earlier command yields."""
    for action in plan.commands:
        match action:
            case Command(reads=()):
                yield shell_line(action.argv)
            case Command():
                yield f"{shell_line(action.reads)} | {shell_line(action.argv)}"
            case BuildImage(argv=()):
                yield f"gcloud builds describe {action.build}"
            case BuildImage():
                yield shell_line(action.argv)
            case SmokeTest():
                for route in action.routes:
                    yield f'curl -H "x-api-key: $KEY" "{action.address}{route}"'


class PlainProgress:
    """Prints a line per finished step and per message."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._ended = 0
        self._lock = threading.Lock()

    def started(self, step: Step) -> None:
        pass

    def told(self, step: Step, text: str) -> None:
        self._line(f"        {step.what}: {text}")

    def finished(self, step: Step) -> None:
        with self._lock:
            self._ended += 1
            self._line(f"[{self._ended:>{len(str(self._total))}}/{self._total}] {DONE[step.verb]} {step.what}")

    def failed(self, step: Step, error: DeployError) -> None:
        self._line(f"FAILED {step.what}: {str(error).splitlines()[0]}")

    def kept(self, step: Step, error: DeployError) -> None:
        self._line(str(error))

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False)


class LiveProgress(PlainProgress):
    """Also shows the running steps and a progress bar."""

    def __init__(self, console: Console, total: int, bars: Progress) -> None:
        super().__init__(console, total)
        self._bars = bars
        self._whole = bars.add_task("all", total=total)
        self._tasks: dict[str, TaskID] = {}

    def started(self, step: Step) -> None:
        self._tasks[step.id] = self._bars.add_task(step.what, total=None)

    def told(self, step: Step, text: str) -> None:
        if "://" in text:
            # Print links on lines of their own, so that they remain visible.
            super().told(step, text)
        elif step.id in self._tasks:
            self._bars.update(self._tasks[step.id], description=f"{step.what}: {text}")

    def finished(self, step: Step) -> None:
        self._end(step)
        super().finished(step)
        self._bars.advance(self._whole)

    def failed(self, step: Step, error: DeployError) -> None:
        self._end(step)
        super().failed(step, error)

    def kept(self, step: Step, error: DeployError) -> None:
        self._end(step)
        super().kept(step, error)

    def _end(self, step: Step) -> None:
        if (task := self._tasks.pop(step.id, None)) is not None:
            self._bars.remove_task(task)


@contextmanager
def plan_progress(console: Console, plan: Plan) -> Iterator[PlainProgress]:
    """The progress display of a plan."""
    if not console.is_terminal:
        yield PlainProgress(console, len(plan.steps))
        return
    columns: tuple[Any, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield LiveProgress(console, len(plan.steps), bars)
