"""The project's performance targets, as ratios and amounts of one run's figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.comparison.figures import Figures

CONNECTIONS: Final = 8
ENGINES: Final = ("int8", "fp16")
MEGA: Final = 1e6


@dataclass(frozen=True)
class Target:
    """A target, what was measured (None: not in this run), and how it was calculated."""

    what: str
    asked: str
    value: float | None
    met: bool | None
    unit: str
    how: str

    @property
    def verdict(self) -> str:
        return "not measured" if self.met is None else "met" if self.met else "missed"

    @property
    def found(self) -> str:
        """The value with its unit."""
        if self.value is None:
            return "–"
        number = f"{self.value:,.0f}" if abs(self.value) >= 100 else f"{self.value:.3g}"
        return f"{number}{self.unit}"


def targets(figures: Figures) -> list[Target]:
    return [
        *_throughput(figures),
        *_latency(figures),
        *_cold_starts(figures),
        *_resources(figures),
        *_accuracy(figures),
    ]


def at_least(what: str, bound: float, value: float | None, how: str = "", unit: str = " ×") -> Target:
    return Target(what, f"≥ {bound:g}{unit}", value, None if value is None else value >= bound, unit, how)


def at_most(what: str, bound: float, value: float | None, how: str = "", unit: str = " ×") -> Target:
    return Target(what, f"≤ {bound:g}{unit}", value, None if value is None else value <= bound, unit, how)


def _throughput(figures: Figures) -> Iterator[Target]:
    yield _against_peers(figures, "int8", 6.0, "torch", "torch", "with torch")
    yield _against_peers(figures, "fp16", 4.7, "torch", "torch", "with torch")
    for engine in ENGINES:
        yield _against_peers(figures, engine, 1.25, "openvino", engine, "with the same OpenVINO model")
    for group, words, bound in (("direct", "direct", 0.90), ("gateway", "through the gateway", 0.85)):
        for engine in ENGINES:
            what = f"throughput of {engine} {words}, to the limit in process"
            ours, limit = figures.best(group, engine, CONNECTIONS), figures.limit(engine)
            if ours and limit:
                how = f"{ours[1].rate:.0f}/s ÷ {limit.rate:.0f}/s"
                yield at_least(what, bound, ours[1].rate / limit.rate, how)
            else:
                yield at_least(what, bound, None)


def _against_peers(figures: Figures, engine: str, bound: float, group: str, peer_engine: str, words: str) -> Target:
    """Guichet's throughput, to that of the best peer in the group."""
    what = f"throughput of {engine}, {CONNECTIONS} connections, to the best peer {words}"
    ours, peer = figures.best("direct", engine, CONNECTIONS), figures.best(group, peer_engine, CONNECTIONS)
    if not ours or not peer:
        return at_least(what, bound, None)
    how = f"{ours[1].rate:.0f}/s ÷ {peer[1].rate:.0f}/s ({peer[0].name})"
    return at_least(what, bound, ours[1].rate / peer[1].rate, how)


def _latency(figures: Figures) -> Iterator[Target]:
    for engine in ENGINES:
        what = f"p50 of {engine} at one connection, to one photo in process"
        ours, limit = figures.best("direct", engine, 1), figures.limit(engine)
        if ours and limit:
            how = f"{ours[1].p50 * 1e3:.2f} ms ÷ {limit.seconds * 1e3:.2f} ms"
            yield at_most(what, 1.2, ours[1].p50 / limit.seconds, how)
        else:
            yield at_most(what, 1.2, None)
    photo = figures.large_photo
    ratio = photo.naive / photo.service if photo else None
    how = f"{photo.naive * 1e3:.1f} ms ÷ {photo.service * 1e3:.1f} ms" if photo else ""
    yield at_least("speed-up of decoding 12 megapixels, to a naive decode", 4.0, ratio, how)


def _cold_starts(figures: Figures) -> Iterator[Target]:
    for found in figures.cold_starts:
        how = f"{len(found.seconds)} starts, p50 {found.p50:.2f} s"
        yield at_most(f"cold start of {found.model} as {found.engine}, p95", 0.55, found.p95, how, " s")
    if not figures.cold_starts:
        yield at_most("cold start, p95", 0.55, None, unit=" s")
    what = "cold start, to the best peer with torch"
    peers = [(row.cold_start, row.name) for row in figures.of("torch") if row.cold_start]
    ours = [found for found in figures.cold_starts if found.model == figures.plan["model"]]
    if peers and ours:
        (best, name), worst = min(peers), max(ours, key=lambda found: found.p95)
        how = f"{worst.p95:.2f} s (p95, {worst.engine}) ÷ {best:.2f} s (median, {name})"
        yield at_most(what, 0.333, worst.p95 / best, how)
    else:
        yield at_most(what, 0.333, None)


def _resources(figures: Figures) -> Iterator[Target]:
    for row in figures.of("direct"):
        loaded = row.memory_loaded / MEGA if row.memory_loaded else None
        how = f"PSS of all its processes; {(row.memory_first or 0) / MEGA:.0f} MB after the first prediction"
        yield at_most(f"memory of {row.name} after the load", 160, loaded, how, " MB")
    size = figures.sizes.get("guichet-int8")
    how = f"{size['packages']} packages" if size else ""
    yield at_most("installed size of a service", 300, size["bytes"] / MEGA if size else None, how, " MB")


def _accuracy(figures: Figures) -> Iterator[Target]:
    torch = [row.accuracy for row in figures.of("torch") if row.accuracy is not None]
    for engine in ENGINES:
        what = f"points of top-1 that {engine} loses to torch"
        rows = [*figures.of("direct", engine), *figures.of("gateway", engine)]
        ours = [row.accuracy for row in rows if row.accuracy is not None]
        if torch and ours:
            how = f"{max(torch):.1%} and {min(ours):.1%} of {figures.photos['count']} photos"
            yield at_most(what, 0.5, round(100 * (max(torch) - min(ours)), 6), how, "")
        else:
            yield at_most(what, 0.5, None, unit="")
