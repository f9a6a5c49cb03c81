"""What the project asks of itself, as ratios of one run's figures, each met or missed. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.speed.figures import Figures

MANY: Final = 8
MEGA: Final = 1e6


@dataclass(frozen=True)
class Bound:
    """One demand: what was found, what is asked, and the figures it was reckoned from.

    `value` is None where the run did not measure what it takes.
    """

    what: str
    asked: str
    value: float | None
    met: bool | None
    unit: str
    how: str

    @property
    def verdict(self) -> str:
        """In a word."""
        return "not measured" if self.met is None else "met" if self.met else "missed"

    @property
    def found(self) -> str:
        """The value as people read it."""
        if self.value is None:
            return "–"
        number = f"{self.value:,.0f}" if abs(self.value) >= 100 else f"{self.value:.3g}"
        return f"{number}{self.unit}"


def bounds(figures: Figures) -> list[Bound]:
    """All demands, in the order in which the project states them."""
    return [
        *_against_torch(figures),
        *_against_given(figures),
        *_against_limit(figures),
        *_single_photo(figures),
        *_cold_starts(figures),
        *_resources(figures),
        *_other_networks(figures),
        *_growth(figures),
        *_accuracy(figures),
    ]


def _least(what: str, bound: float, value: float | None, how: str, unit: str = " ×") -> Bound:
    return Bound(what, f"≥ {bound:g}{unit}", value, None if value is None else value >= bound, unit, how)


def _most(what: str, bound: float, value: float | None, how: str, unit: str = " ×") -> Bound:
    return Bound(what, f"≤ {bound:g}{unit}", value, None if value is None else value <= bound, unit, how)


def _rate(figures: Figures, group: str, engine: str) -> float | None:
    best = figures.best(group, engine, MANY)
    return best[1].rate if best else None


def _against_torch(figures: Figures) -> Iterator[Bound]:
    peer = figures.best("torch", "torch", MANY)
    for engine, bound in (("int8", 6.0), ("fp16", 4.5)):
        ours = _rate(figures, "direct", engine)
        what = f"throughput of {engine} beside the best peer with torch, {MANY} connections"
        if ours and peer:
            how = f"{ours:.0f}/s ÷ {peer[1].rate:.0f}/s ({peer[0].name})"
            yield _least(what, bound, ours / peer[1].rate, how)
        else:
            yield _least(what, bound, None, "")


def _against_given(figures: Figures) -> Iterator[Bound]:
    for engine in ("int8", "fp16"):
        ours, peer = _rate(figures, "direct", engine), figures.best("given", engine, MANY)
        what = f"throughput of {engine} beside the best peer given the same OpenVINO model"
        if ours and peer:
            yield _least(what, 1.3, ours / peer[1].rate, f"{ours:.0f}/s ÷ {peer[1].rate:.0f}/s ({peer[0].name})")
        else:
            yield _least(what, 1.3, None, "")


def _against_limit(figures: Figures) -> Iterator[Bound]:
    for group, bound in (("direct", 0.90), ("gateway", 0.85)):
        for engine in ("int8", "fp16"):
            ours, limit = _rate(figures, group, engine), figures.limit(engine)
            what = f"throughput of {engine} {'direct' if group == 'direct' else 'through the gateway'}, of the limit"
            if ours and limit:
                how = f"{ours:.0f}/s ÷ {limit.ceiling:.0f}/s in process ({limit.way})"
                yield _least(what, bound, ours / limit.ceiling, how)
            else:
                yield _least(what, bound, None, "")


def _single_photo(figures: Figures) -> Iterator[Bound]:
    for engine in ("int8", "fp16"):
        limit, best = figures.limit(engine), figures.best("direct", engine, 1)
        what = f"p50 of {engine} at one connection, beside one photo in process"
        if limit and best:
            how = f"{best[1].p50 * 1e3:.2f} ms ÷ {limit.one * 1e3:.2f} ms"
            yield _most(what, 1.25, best[1].p50 / limit.one, how)
        else:
            yield _most(what, 1.25, None, "")
    photo = figures.large_photo
    ratio = photo.naive / photo.service if photo else None
    how = f"{photo.naive * 1e3:.1f} ms ÷ {photo.service * 1e3:.1f} ms" if photo else ""
    yield _least("a photo of 12 megapixels, how much faster than a naive decode", 4.0, ratio, how)


def _cold_starts(figures: Figures) -> Iterator[Bound]:
    for found in figures.cold_starts:
        how = f"{len(found.seconds)} starts, p50 {found.p50:.2f} s"
        yield _most(f"cold start of {found.model} as {found.engine}, p95", 0.6, found.p95, how, " s")
    if not figures.cold_starts:
        yield _most("cold start, p95", 0.6, None, "", " s")
    peers = [row for row in figures.of("torch") if row.cold_start is not None]
    model = figures.plan["model"]
    ours = [found for found in figures.cold_starts if found.model == model]
    what = "cold start beside the best peer with torch"
    if not peers or not ours:
        yield _most(what, 0.333, None, "")
        return
    best = min(peers, key=lambda row: row.cold_start or 0.0)
    worst = max(ours, key=lambda found: found.p95)
    assert best.cold_start
    how = f"{worst.p95:.2f} s (p95, {worst.engine}) ÷ {best.cold_start:.2f} s (median, {best.name})"
    yield _most(what, 0.333, worst.p95 / best.cold_start, how)


def _resources(figures: Figures) -> Iterator[Bound]:
    for row in figures.of("direct"):
        memory = row.memory_loaded / MEGA if row.memory_loaded else None
        first = f"{(row.memory_first or 0) / MEGA:.0f} MB after the first answer; PSS of all its processes"
        yield _most(f"memory of {row.name} after the load", 180, memory, first, " MB")
    size = figures.sizes.get("guichet-int8")
    installed = size["bytes"] / MEGA if size else None
    how = f"{size['packages']} packages" if size else ""
    yield _most("installed size of what it takes to serve", 300, installed, how, " MB")


def _other_networks(figures: Figures) -> Iterator[Bound]:
    found = figures.resnet152
    rate = found.service_rate / found.torch_rate if found else None
    how = f"{found.service_rate:.1f}/s ÷ {found.torch_rate:.1f}/s" if found else ""
    yield _least("ResNet-152 in process, images per second beside torch", 3.0, rate, how)
    one = found.torch_one / found.service_one if found else None
    how = f"{found.torch_one * 1e3:.0f} ms ÷ {found.service_one * 1e3:.0f} ms" if found else ""
    yield _least("ResNet-152 in process, one image at a time beside torch", 3.0, one, how)


def _growth(figures: Figures) -> Iterator[Bound]:
    for growth in figures.growths:
        done, last = growth.after[-1]
        how = f"{growth.before / MEGA:.1f} MB, then {last / MEGA:.1f} MB after {done:,} requests"
        yield _most(f"growth of {growth.name}", 5, growth.share * 100, how, " %")
    if not figures.growths:
        yield _most("growth over 100,000 requests", 5, None, "only with --long", " %")


def _accuracy(figures: Figures) -> Iterator[Bound]:
    torch = [row.right for row in figures.of("torch") if row.right is not None]
    for engine in ("int8", "fp16"):
        ours = [
            row.right for group in ("direct", "gateway") for row in figures.of(group, engine) if row.right is not None
        ]
        what = f"top-1 lost by {engine} beside torch, in points"
        if not torch or not ours:
            yield _most(what, 0.5, None, "", "")
            continue
        how = f"{max(torch):.1%} and {min(ours):.1%} of {figures.photos['count']} photos"
        yield _most(what, 0.5, round(100 * (max(torch) - min(ours)), 6), how, "")


def processes_cost(figures: Figures) -> str:
    """What it costs to answer in processes of their own, in a sentence; empty where it was not measured."""
    ours, without = figures.of("direct", "int8"), figures.of("variant", "int8")
    rates = [row.at(count) for row in ours[:1] + without[:1] for count in (1, MANY)]
    found = [rate for rate in rates if rate]
    if len(found) < 4:
        return ""
    one, many, one_without, many_without = found
    return (
        f"Answering in processes of their own, which a hostile picture may kill, takes {one.p50 * 1e3:.2f} ms at one"
        f" connection against {one_without.p50 * 1e3:.2f} ms in the service's own; at {MANY} connections all processors"
        f" are used: {many.rate:.0f}/s against {many_without.rate:.0f}/s."
    )
