"""`python -m benchmarks.page.memory`: the page's memory when visitors send large files past the checks of the browser.

One ordinary visitor comes first, which gives the idle memory; then 20 visitors who each send 64 MB, at once; then 50
ordinary visitors; then nobody for five minutes. The paragraph goes into frontend/README.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Final

import psutil
import typer

from benchmarks.harness.command import console, run
from benchmarks.harness.tables import write_between_markers
from benchmarks.page.__main__ import PAGE
from benchmarks.page.many_visitors import Visitor, page_and_gateway
from benchmarks.page.one_visitor import Spread

SAMPLE_INTERVAL: Final = 0.05
FILE_BYTES: Final = 4_000_000
FILES: Final = 16
HEAVY_VISITORS: Final = 20
# The start of a JPEG: the page takes the file for an image.
LOOKS_LIKE_JPEG: Final = b"\xff\xd8\xff"
NO_IMAGE: Final = b"no image"


@dataclass(frozen=True)
class Figures:
    """Memory in MiB. `peak_heavy` and `peak_ordinary` are the maxima while those visitors were there."""

    idle: float
    peak_heavy: float
    peak_ordinary: float
    after: float
    overhead: Spread
    images: int
    errors: int

    def sentence(self, files: str) -> str:
        return (
            f"{HEAVY_VISITORS} visitors, each sending {FILES * FILE_BYTES // 10**6} MB of files that {files}: from"
            f" {self.idle:.0f} MiB to {self.peak_heavy:.0f} MiB at most. 50 ordinary visitors after them:"
            f" {self.peak_ordinary:.0f} MiB at most, {self.images} images, {self.errors} errors, p95 of the page's"
            f" overhead {self.overhead.p95:.0f} ms. After five idle minutes: {self.after:.0f} MiB."
        )


class Memory:
    """The resident memory of a process, and its maximum since the last `reset`."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.peak = self.now

    @property
    def now(self) -> float:
        return float(self._process.memory_info().rss / 2**20)

    def reset(self) -> float:
        """The maximum so far."""
        peak, self.peak = self.peak, self.now
        return peak

    async def watch(self) -> None:
        while True:
            self.peak = max(self.peak, self.now)
            await asyncio.sleep(SAMPLE_INTERVAL)


async def measure(url: str, page: psutil.Process, start: bytes, idle_seconds: float) -> Figures:
    """Heavy and ordinary visitors, one after the other."""
    memory = Memory(page)
    watching = asyncio.create_task(memory.watch())
    await Visitor(url, 0).stay(3, 1)
    idle = memory.now
    memory.reset()
    heavy = (Visitor(url, number).send_files(start, FILE_BYTES, FILES) for number in range(HEAVY_VISITORS))
    failures = [each for each in await asyncio.gather(*heavy, return_exceptions=True) if each is not None]
    peak_heavy = memory.reset()
    ordinary = [Visitor(url, number) for number in range(50)]
    stays = (visitor.stay(30, 5) for visitor in ordinary)
    failures += [each for each in await asyncio.gather(*stays, return_exceptions=True) if each is not None]
    peak_ordinary = memory.reset()
    console.print(f"{failures} the visitors have left; waiting {idle_seconds:.0f} s", markup=False)
    await asyncio.sleep(idle_seconds)
    watching.cancel()
    overheads = [value for visitor in ordinary for value in visitor.overheads]
    errors = len(failures) + sum(len(visitor.errors) for visitor in ordinary)
    return Figures(idle, peak_heavy, peak_ordinary, memory.now, Spread.of(overheads), len(overheads), errors)


def main(
    idle_seconds: Annotated[float, typer.Option(min=0, help="How long nobody visits the page at the end.")] = 300,
    write: Annotated[bool, typer.Option(help="Update frontend/README.md.")] = True,
) -> None:
    """Measure the page's memory with files that are no images, and with files that look like images."""
    lines = []
    for start, files in ((NO_IMAGE, "are no images"), (LOOKS_LIKE_JPEG, "start like a JPEG")):
        with page_and_gateway() as (url, processes):
            lines.append(f"- {asyncio.run(measure(url, processes['page'], start, idle_seconds)).sentence(files)}")
        console.print(lines[-1], markup=False)
    if write:
        write_between_markers(PAGE, "memory", "\n".join([*lines, ""]))


if __name__ == "__main__":
    run(main)
