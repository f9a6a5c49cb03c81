"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.comparison.figures import Figures, Rate, Row
from benchmarks.comparison.servers import GROUPS
from benchmarks.comparison.targets import CONNECTIONS, MEGA, Target
from benchmarks.harness.tables import table

HEADINGS: Final = (
    "",
    "1, photos/s",
    "8, photos/s",
    "32, photos/s",
    "p50 at 1, ms",
    "p99 at 8, ms",
    "cold start, s",
    "memory, MB",
    "installed, MB",
    "top-1",
)


def report(figures: Figures, targets: Sequence[Target], plot: str) -> str:
    """The page benchmark.md."""
    plan, photos = figures.plan, figures.photos
    lines = [
        "# Guichet compared with other model servers",
        "",
        f"{plan['title']} on {photos['count']} photos of {photos['median_bytes'] / 1e3:.0f} kB (median): medians of"
        f" {plan['rounds']} interleaved rounds of {plan['seconds']} s{_runs(plan)}."
        " The table of all servers also has the extremes.",
        "",
        figures.machine.sentence(Guichet=figures.machine.versions, Peers=_peer_versions(figures)),
        "",
        f"![Throughput]({plot})",
        "",
        *table(HEADINGS, summary(figures), numbers=1),
        "",
        "## All servers",
        "",
        *table(HEADINGS, _all_rows(figures), numbers=1),
        "",
        "## Targets",
        "",
        *table(
            ("", "target", "measured", "", "from"),
            [(one.what, one.asked, one.found, _verdict(one), one.how) for one in targets],
        ),
    ]
    for note in (worker_processes(figures), *_failures(figures)):
        lines += ["", note] if note else []
    return "\n".join(lines) + "\n"


def summary(figures: Figures) -> list[list[str]]:
    """Guichet and the best of its peers."""
    wanted = [("best peer with torch: {name}", "torch", "torch")]
    for engine in ("fp16", "int8"):
        wanted += [
            (f"best peer with the {engine} model: {{name}}", "openvino", engine),
            (f"**Guichet, {engine}**", "direct", engine),
            (f"Guichet, {engine}, through its gateway", "gateway", engine),
        ]
    found = [(title, figures.best(group, engine, CONNECTIONS)) for title, group, engine in wanted]
    return [[title.format(name=best[0].name), *_cells(best[0])[1:]] for title, best in found if best]


def worker_processes(figures: Figures) -> str:
    """The cost of worker processes in a sentence; empty if it was not measured."""
    rates = [
        row.at(count)
        for row in (*figures.of("direct", "int8"), *figures.of("one-process", "int8"))
        for count in (1, CONNECTIONS)
    ]
    if len(rates) != 4 or not all(rates):
        return ""
    one, many, one_without, many_without = (rate for rate in rates if rate)
    return (
        f"Worker processes, which isolate the service from hostile images, take {one.p50 * 1e3:.2f} ms at one"
        f" connection against {one_without.p50 * 1e3:.2f} ms without them; at {CONNECTIONS} connections they use all"
        f" cores: {many.rate:.0f}/s against {many_without.rate:.0f}/s."
    )


def _all_rows(figures: Figures) -> list[list[str]]:
    blank = [""] * (len(HEADINGS) - 1)
    lines = []
    for group, title in GROUPS.items():
        if rows := figures.of(group):
            lines += [[f"**{title}**", *blank], *(_cells(row, spread=True) for row in rows)]
    if figures.limits:
        lines.append(["**the limit in process, without HTTP**", *blank])
    for one in figures.limits:
        lines.append([f"in-process-{one.engine}", "", f"{one.rate:,.0f}", "", f"{one.seconds * 1e3:.2f}", *[""] * 5])
    return lines


def _cells(row: Row, *, spread: bool = False) -> list[str]:
    one, eight = row.at(1), row.at(8)
    return [
        row.name,
        *(_rate(row.at(count), spread) for count in (1, 8, 32)),
        f"{one.p50 * 1e3:.2f}" if one else "–",
        f"{eight.p99 * 1e3:.1f}" if eight else "–",
        "–" if row.cold_start is None else f"{row.cold_start:.2f}",
        "–" if row.memory_loaded is None else f"{row.memory_loaded / MEGA:.0f}",
        "–" if row.installed is None else f"{row.installed / MEGA:.0f}",
        "–" if row.accuracy is None else f"{row.accuracy:.1%}",
    ]


def _runs(plan: Mapping[str, Any]) -> str:
    return f" in {plan['runs']} runs" if "runs" in plan else ""


def _rate(rate: Rate | None, spread: bool) -> str:
    """Photos per second, with the extremes if `spread`, and the number of lost requests if there were any."""
    if rate is None:
        return "–"
    lost = rate.refused + rate.broken
    extremes = f" ({rate.least:,.0f}–{rate.most:,.0f})" if spread else ""
    return f"{rate.rate:,.0f}{extremes}" + (f" ({lost} lost)" if lost else "")


def _peer_versions(figures: Figures) -> dict[str, str]:
    return {
        package: number
        for server, size in figures.sizes.items()
        if not server.startswith("guichet")
        for package, number in size["versions"].items()
    }


def _failures(figures: Figures) -> list[str]:
    return [f"{row.name} failed: {row.failure.splitlines()[0]}" for row in figures.rows if row.failure]


def _verdict(target: Target) -> str:
    return f"**{target.verdict}**" if target.met is False else target.verdict
