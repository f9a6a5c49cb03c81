"""One run of the benchmark: what is measured with what, part by part."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import artifacts
from benchmarks.machine import Machine
from benchmarks.photos import Photo, copied, photos_in
from benchmarks.processes import Tell, told
from benchmarks.speed import coldstart, growth, rounds
from benchmarks.speed.candidates import PEER_BIN, Candidate, Engine, Material, candidates
from benchmarks.speed.figures import Figures, limits, rows
from benchmarks.speed.large_photo import LargePhoto
from benchmarks.speed.resnet152 import ResNet152
from services.catalog import load_catalog

MODEL: Final = "efficientnet-lite0"
OWN: Final = ("direct", "gateway", "variant")
PARTS: Final = ("cold-start", "large-photo", "resnet152", "sizes", "growth")
CEILINGS: Final[dict[str, Engine]] = {"in-process-fp16": "fp16", "in-process-int8": "int8"}
# More than this share of the machine at work for others, and the figures say little.
BUSY: Final = 0.1


class NotThere(Exception):
    """Something was asked for that is not installed, or that nobody knows."""


class Run:
    """Everything that the parts share: the machine, the photos, the artifacts."""

    def __init__(
        self,
        console: Console,
        scratch: Path,
        photos: Sequence[Photo],
        plan: rounds.Plan,
        only: Sequence[str],
        *,
        long: bool,
    ) -> None:
        self._console, self._plan, self._only, self._long = console, plan, only, long
        self._chosen = [
            candidate
            for candidate in candidates()
            if self._wants(candidate.name) and (only or long or candidate.group != "given-decoder")
        ]
        self._ceilings = [engine for name, engine in CEILINGS.items() if self._wants(name)]
        self._require()
        folder = copied(list(photos), scratch / "photos")
        self._photos = photos_in(folder)
        self._bodies = scratch / "bodies"
        self._bodies.write_text("".join(f"{photo.path}\n" for photo in self._photos))
        catalog = load_catalog()
        self._models = catalog.default
        made = {
            "fp16": artifacts.exported(self._models, "fp16", folder),
            "int8": artifacts.exported(self._models, "int8", folder),
        }
        self._material = Material(catalog[MODEL], artifacts.weights(catalog, catalog[MODEL]), made, scratch)

    def figures(self, starts: int, requests: int) -> Figures:
        """All that is wanted, measured; `requests` go to each precision to see whether memory grows."""
        machine = Machine.here()
        if machine.busy > BUSY:
            warning = f"{machine.busy:.0%} of this machine is busy with something else: the figures will say little."
            self._console.print(warning, style="yellow")
        figures = Figures(machine, self._described_plan(), self._described_photos())
        services = [candidate for candidate in candidates() if candidate.group == "direct"]
        if self._wants("sizes"):
            figures.sizes = self._sizes()
        if self._wants("large-photo"):
            self._console.print("a photo of 12 megapixels …", style="dim")
            figures.large_photo = LargePhoto(**told("benchmarks.speed.large_photo", str(self._bodies)))
        if self._wants("resnet152"):
            self._console.print("ResNet-152 …", style="dim")
            wanted = f"--rounds={self._plan.rounds}", f"--seconds={max(1, self._plan.seconds // 2)}"
            figures.resnet152 = ResNet152(**told("benchmarks.speed.resnet152", *wanted))
        if self._wants("cold-start"):
            with self._progress(starts * len(services) * len(self._models)) as tell:
                figures.cold_starts = coldstart.measured(
                    services, self._models, self._material, self._photos[0].data, starts, tell
                )
        with self._progress(self._plan.rounds * (len(self._chosen) + len(self._ceilings))) as tell:
            found = rounds.measured(
                self._chosen, self._ceilings, self._material, self._photos, self._bodies, self._plan, tell
            )
        figures.rows = rows(self._chosen, found, figures.sizes)
        figures.limits = limits(found)
        if self._long and self._wants("growth"):
            figures.growths = [self._growth(candidate, requests) for candidate in services]
        return figures

    def _wants(self, name: str) -> bool:
        return not self._only or any(_matches(one, name) for one in self._only)

    def _require(self) -> None:
        known = [candidate.name for candidate in candidates()] + [*CEILINGS, *PARTS]
        for one in self._only:
            if not any(_matches(one, name) for name in known):
                raise NotThere(f"--only {one}: is nothing that is measured; there are {', '.join(known)}")
        peers = [candidate.name for candidate in self._chosen if candidate.group not in OWN]
        if peers and not (PEER_BIN / "python").exists():
            raise NotThere("the peers are not installed in .venv-peers; `make benchmark` does that")

    def _growth(self, candidate: Candidate, requests: int) -> growth.Growth:
        with self._progress(requests) as tell:
            return growth.measured(
                candidate,
                self._material,
                self._photos[0].data,
                self._bodies,
                requests,
                tell,
            )

    def _sizes(self) -> dict[str, dict[str, Any]]:
        """The installed sizes, by candidate, each in the environment that it runs in."""
        self._console.print("installed sizes …", style="dim")
        found = {}
        for candidate in candidates():
            own = candidate.group in OWN
            if candidate.packages and (own or (PEER_BIN / "python").exists()):
                python = sys.executable if own else str(PEER_BIN / "python")
                found[candidate.name] = told("benchmarks.speed.sizes", *candidate.packages, python=python)
        return found

    def _described_plan(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "title": self._material.model.title,
            "rounds": self._plan.rounds,
            "seconds": self._plan.seconds,
            "cpu": self._material.model.cpu,
            "memory": self._material.model.memory,
        }

    def _described_photos(self) -> dict[str, Any]:
        sizes = [len(photo.data) for photo in self._photos]
        return {"count": len(sizes), "median_bytes": statistics.median(sizes), "largest_bytes": max(sizes)}

    @contextmanager
    def _progress(self, steps: int) -> Iterator[Tell]:
        """A display of so many steps; what it yields is told what comes, and how many steps that is."""
        columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        terminal = self._console.is_terminal
        with Progress(*columns, console=self._console, transient=True, disable=not terminal) as progress:
            task = progress.add_task("", total=steps)

            def tell(what: str, count: int) -> None:
                progress.update(task, description=what, advance=count)
                if not terminal:
                    self._console.print(f"{progress.tasks[0].completed:,.0f} of {steps:,}: {what}")

            yield tell


def _matches(one: str, name: str) -> bool:
    """`one` is a name, or the beginning of names with an asterisk."""
    return name == one or (one.endswith("*") and name.startswith(one[:-1]))
