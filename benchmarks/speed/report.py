"""The figures as a table for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.speed.bounds import MANY, Bound, processes_cost
from benchmarks.speed.figures import Figures, Rate, Row

MEGA: Final = 1e6
HEADINGS: Final = ("", "1", "8", "32", "p50 at 1", "p99 at 8", "first answer", "memory", "installed", "top-1")
UNITS: Final = ("", "photos/s", "photos/s", "photos/s", "ms", "ms", "s", "MB", "MB", "")
TITLES: Final = {
    "torch": "torch, as their documentation says",
    "given": "given the same OpenVINO model",
    "given-decoder": "given the same OpenVINO model and our decoder",
    "direct": "Guichet",
    "gateway": "Guichet through its gateway",
    "variant": "Guichet, answering in the service's own process",
}
COLOURS: Final = {"met": "green", "missed": "red", "not measured": "dim"}


def screen(figures: Figures, bounds: Sequence[Bound]) -> Group:
    """What a person sees at the end of a run."""
    table = Table(title=_title(figures), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, (heading, unit) in enumerate(zip(HEADINGS, UNITS, strict=True)):
        table.add_column(f"{heading}\n{unit}", justify="left" if number == 0 else "right", no_wrap=number == 0)
    for title, cells in _sections(figures):
        table.add_row(Text(title, style="bold cyan"))
        for row in cells:
            table.add_row(*row)
    verdicts = Table(title="Bounds", title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in ("", "asked", "found", "", "from"):
        verdicts.add_column(heading)
    for bound in bounds:
        colour = COLOURS[bound.verdict]
        verdicts.add_row(bound.what, bound.asked, bound.found, Text(bound.verdict, style=colour), bound.how)
    sentences = [figures.machine.sentence(_peer_versions(figures)), processes_cost(figures), *_failures(figures)]
    return Group(table, Text(), verdicts, Text(), *(Text(sentence) for sentence in sentences if sentence))


def markdown(figures: Figures, bounds: Sequence[Bound], plot: str) -> str:
    """The same as a page's part."""
    lines = [
        f"{_title(figures)}.",
        "",
        figures.machine.sentence(_peer_versions(figures)),
        "",
        f"![Throughput]({plot})",
        "",
    ]
    heads = [
        _row(f"{heading}, {unit}".strip(", ") for heading, unit in zip(HEADINGS, UNITS, strict=True)),
        _row(["---"] + ["---:"] * (len(HEADINGS) - 1)),
    ]
    lines += [*heads, *map(_row, _summary(figures)), "", "## Everyone", "", *heads]
    for title, cells in _sections(figures):
        lines.append(_row([f"**{title}**"] + [""] * (len(HEADINGS) - 1)))
        lines += [_row(row) for row in cells]
    lines += ["", "## Bounds", "", "| bound | asked | found | | from |", "|---|---|---|---|---|"]
    lines += [_row([bound.what, bound.asked, bound.found, _verdict(bound), bound.how]) for bound in bounds]
    notes = [processes_cost(figures), *_failures(figures)]
    return "\n".join(lines + [line for note in notes if note for line in ("", note)]) + "\n"


def _title(figures: Figures) -> str:
    plan, photos = figures.plan, figures.photos
    return (
        f"{plan['title']} on {photos['count']} photos of {photos['median_bytes'] / 1e3:.0f} kB (median):"
        f" medians of {plan['rounds']} interleaved rounds of {plan['seconds']} s"
    )


def _sections(figures: Figures) -> list[tuple[str, list[list[str]]]]:
    found = [(title, [_cells(row) for row in figures.of(group)]) for group, title in TITLES.items()]
    limits = [
        [f"in-process-{limit.engine}", "", f"{limit.ceiling:,.0f}", "", f"{limit.one * 1e3:.2f}", *[""] * 5]
        for limit in figures.limits
    ]
    return [
        (title, cells) for title, cells in [*found, ("the limit: decoding and computing, no HTTP", limits)] if cells
    ]


def _summary(figures: Figures) -> list[list[str]]:
    """Guichet between the best of its peers."""
    wanted = [("the best peer with torch: {name}", "torch", "torch")]
    for engine in ("fp16", "int8"):
        wanted += [
            (f"the best peer given the {engine} model: {{name}}", "given", engine),
            (f"**Guichet, {engine}**", "direct", engine),
            (f"Guichet, {engine}, through its gateway", "gateway", engine),
        ]
    found = [(title, figures.best(group, engine, MANY)) for title, group, engine in wanted]
    return [[title.format(name=best[0].name), *_cells(best[0])[1:]] for title, best in found if best]


def _cells(row: Row) -> list[str]:
    rates = {count: row.at(count) for count in (1, 8, 32)}
    one, eight = rates[1], rates[8]
    return [
        row.name,
        *(_rate(rate) for rate in rates.values()),
        f"{one.p50 * 1e3:.2f}" if one else "–",
        f"{eight.p99 * 1e3:.1f}" if eight else "–",
        "–" if row.cold_start is None else f"{row.cold_start:.2f}",
        "–" if row.memory_loaded is None else f"{row.memory_loaded / MEGA:.0f}",
        "–" if row.installed is None else f"{row.installed / MEGA:.0f}",
        "–" if row.right is None else f"{row.right:.1%}",
    ]


def _rate(rate: Rate | None) -> str:
    """Answers per second, and what was lost if anything was."""
    if rate is None:
        return "–"
    lost = rate.refused + rate.broken
    return f"{rate.rate:,.0f}" + (f" ({lost} lost)" if lost else "")


def _peer_versions(figures: Figures) -> dict[str, str]:
    return {
        name: number
        for row, size in figures.sizes.items()
        if not row.startswith("guichet")
        for name, number in size["versions"].items()
    }


def _failures(figures: Figures) -> list[str]:
    return [
        f"{row.name} was not measured to the end: {row.failure.splitlines()[0]}" for row in figures.rows if row.failure
    ]


def _verdict(bound: Bound) -> str:
    return f"**{bound.verdict}**" if bound.met is False else bound.verdict


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
