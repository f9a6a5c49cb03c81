"""`python -m benchmarks.comparison.sizes PACKAGE…`: the installed size of packages and their requirements, as JSON.

Run it with the Python of the environment to measure; it needs only the standard library. Files that only serve CUDA
are not counted, because torch's CPU build does not have them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*(?:\[([^]]*)\])?")
EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
CUDA_PACKAGE = re.compile(r"nvidia-|cuda-|triton$")
CUDA_FILE = re.compile(r"lib(torch|c10)_cuda|libtorch_nvshmem|libtorch_cuda_linalg")


def required(roots: Sequence[str]) -> dict[str, Distribution]:
    """The installed packages among the roots and all their requirements, by name.

    Of the markers only extras are read: a package that is not installed was not required here.
    """
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [name_and_extras(root) for root in roots]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        for line in found[name].requires or []:
            wanted = set(EXTRA.findall(line.partition(";")[2]))
            if not wanted or wanted & extras:
                waiting.append(name_and_extras(line))
    return found


def name_and_extras(requirement: str) -> tuple[str, frozenset[str]]:
    match = REQUIREMENT.match(requirement.strip())
    assert match, requirement
    extras = frozenset(part.strip() for part in (match[2] or "").split(",") if part.strip())
    return re.sub(r"[-_.]+", "-", match[1]).lower(), extras


def installed_bytes(name: str, package: Distribution) -> int:
    """Bytes of the package's files, without bytecode and CUDA."""
    if CUDA_PACKAGE.match(name):
        return 0
    paths = (Path(str(package.locate_file(file))) for file in package.files or [])
    return sum(
        path.stat().st_size
        for path in paths
        if path.suffix != ".pyc" and path.is_file() and not CUDA_FILE.search(path.name)
    )


if __name__ == "__main__":
    packages = required(sys.argv[1:])
    roots = {name_and_extras(root)[0] for root in sys.argv[1:]}
    size = sum(installed_bytes(name, package) for name, package in packages.items())
    versions = {name: package.version for name, package in packages.items() if name in roots}
    print(json.dumps({"bytes": size, "packages": len(packages), "versions": versions}))
