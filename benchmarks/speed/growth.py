"""Whether a service that answers many requests grows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load import load
from benchmarks.processes import Request, Tell, free_ports, memory, running
from benchmarks.speed.candidates import Candidate, Material

REQUESTS: Final = 100_000
# Buffers, arenas and caches have found their size by then.
SETTLED: Final = 2_000
CONNECTIONS: Final = 8
SLICE_SECONDS: Final = 10


@dataclass(frozen=True)
class Growth:
    """Bytes of memory after the first SETTLED requests and after every slice of the load, with the requests so far."""

    name: str
    before: int
    after: list[tuple[int, int]]

    @property
    def share(self) -> float:
        """How much larger the last weighing is than the first."""
        return self.after[-1][1] / self.before - 1


def measured(candidate: Candidate, material: Material, photo: bytes, bodies: Path, requests: int, tell: Tell) -> Growth:
    """Load one candidate until it has answered `requests`; `tell` hears how many."""
    ports = free_ports(candidate.ports)
    request = Request(ports[0], candidate.path, candidate.headers, photo)
    log = material.scratch / "logs" / f"growth-{candidate.name}.log"
    with running(candidate.commands(material, ports, CONNECTIONS), request, log):

        def answered(seconds: int) -> int:
            one = load(ports[0], candidate.path, candidate.headers, bodies, CONNECTIONS, seconds)
            return one.requests - one.refused

        settling = 0
        while settling < SETTLED:
            settling += answered(2)
        before, done, after = memory(), 0, []
        while done < requests:
            more = answered(SLICE_SECONDS)
            done += more
            after.append((done, memory()))
            tell(f"requests to {candidate.name}", more)
    return Growth(candidate.name, before, after)
