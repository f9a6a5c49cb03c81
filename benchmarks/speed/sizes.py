"""`python -m benchmarks.speed.sizes PACKAGE…`: the installed size of packages with all that they need, as JSON.

Run in the environment that is to be measured, which needs nothing but Python for it. What only serves CUDA is counted
apart: torch from the registry brings it along, torch's build for processors does not.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*(?:\[([^]]*)\])?")
EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
CUDA_PACKAGE = re.compile(r"nvidia-|cuda-|triton$")
CUDA_FILE = re.compile(r"lib(torch|c10)_cuda|libtorch_nvshmem|libtorch_cuda_linalg")


def needed(roots: list[str]) -> dict[str, Distribution]:
    """The installed packages that the roots need, by name, the roots included.

    Markers other than extras are not read: what is not installed was not needed here.
    """
    found: dict[str, Distribution] = {}
    waiting = [_parsed(root) for root in roots]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = package
        for line in package.requires or []:
            wanted = set(EXTRA.findall(line.partition(";")[2]))
            if not wanted or wanted & extras:
                waiting.append(_parsed(line))
    return found


def installed_bytes(packages: dict[str, Distribution]) -> tuple[int, int]:
    """Bytes on disk without and with what only serves CUDA, compiled bytecode left out."""
    plain = everything = 0
    for name, package in packages.items():
        for file in package.files or []:
            path = Path(str(package.locate_file(file)))
            if path.suffix == ".pyc" or not path.is_file():
                continue
            size = path.stat().st_size
            everything += size
            if not CUDA_PACKAGE.match(name) and not CUDA_FILE.search(path.name):
                plain += size
    return plain, everything


def _parsed(requirement: str) -> tuple[str, frozenset[str]]:
    match = REQUIREMENT.match(requirement.strip())
    assert match, requirement
    extras = frozenset(part.strip() for part in (match[2] or "").split(",") if part.strip())
    return re.sub(r"[-_.]+", "-", match[1]).lower(), extras


def main() -> None:
    """Prints the sizes, and the versions of the roots."""
    packages = needed(sys.argv[1:])
    plain, everything = installed_bytes(packages)
    versions = {name: packages[name].version for name, _ in map(_parsed, sys.argv[1:]) if name in packages}
    json.dump({"bytes": plain, "with_cuda": everything, "packages": len(packages), "versions": versions}, sys.stdout)


if __name__ == "__main__":
    main()
