"""The figures of several runs as those of one."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from benchmarks.comparison.figures import Figures, Rate, Row, limit
from benchmarks.comparison.in_process import LargePhoto
from benchmarks.comparison.rounds import ColdStarts

Item = TypeVar("Item")


def merged(runs: Sequence[Figures]) -> Figures:
    """Medians over the runs, the extremes of all, and all cold starts; machine and plan are the last run's."""
    last = runs[-1]
    photos = [run.large_photo for run in runs if run.large_photo]
    return Figures(
        machine=last.machine,
        plan=last.plan | {"rounds": sum(run.plan["rounds"] for run in runs), "runs": len(runs)},
        photos=last.photos,
        rows=[_row(rows) for rows in _grouped((row for run in runs for row in run.rows), lambda row: row.name)],
        limits=[
            limit(found) for found in _grouped((one for run in runs for one in run.limits), lambda one: one.engine)
        ],
        cold_starts=[
            ColdStarts(
                found[0].model,
                found[0].engine,
                [taken for one in found for taken in one.seconds],
                statistics.median(one.memory for one in found),
            )
            for found in _grouped((one for run in runs for one in run.cold_starts), lambda one: (one.model, one.engine))
        ],
        sizes={name: size for run in runs for name, size in run.sizes.items()},
        large_photo=LargePhoto(
            photos[-1].bytes,
            statistics.median(photo.naive for photo in photos),
            statistics.median(photo.service for photo in photos),
        )
        if photos
        else None,
    )


def _row(rows: Sequence[Row]) -> Row:
    loads = _grouped((rate for row in rows for rate in row.rates), lambda rate: rate.connections)
    return replace(
        rows[-1],
        rates=[_rate(found) for found in loads],
        cold_start=_median(row.cold_start for row in rows),
        memory_first=_median(row.memory_first for row in rows),
        memory_loaded=_median(row.memory_loaded for row in rows),
        accuracy=_median(row.accuracy for row in rows),
        failure=next((row.failure for row in rows if row.failure), ""),
    )


def _rate(rates: Sequence[Rate]) -> Rate:
    return Rate(
        connections=rates[0].connections,
        rate=statistics.median(rate.rate for rate in rates),
        least=min(rate.least for rate in rates),
        most=max(rate.most for rate in rates),
        p50=statistics.median(rate.p50 for rate in rates),
        p99=statistics.median(rate.p99 for rate in rates),
        refused=sum(rate.refused for rate in rates),
        broken=sum(rate.broken for rate in rates),
    )


def _grouped(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[list[Item]]:
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _median(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None
