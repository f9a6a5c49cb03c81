"""The files that a module consists of: its own, and those of everything it imports from the same folder."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path


def imported_files(root: Path, module: str) -> list[Path]:
    """The files under `root` of `module` and of everything it imports, directly or indirectly, sorted.

    Reads the files without running them; a file that Python cannot parse counts without what it imports.
    """
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        for path in _files(root, waiting.pop()):
            if path not in found:
                found.add(path)
                waiting += _names(root, path)
    return sorted(found)


def _files(root: Path, module: str) -> Iterator[Path]:
    """The files of the module and of its parent packages; none if they are not under `root`."""
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return
    for count in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:count])
        yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())


def _names(root: Path, path: Path) -> Iterator[str]:
    """The absolute names that the file imports; for `from a import b` a.b, which may be a module."""
    package = path.relative_to(root).parts[:-1]
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (SyntaxError, ValueError):
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = list(package[: len(package) + 1 - node.level]) if node.level else []
            origin += node.module.split(".") if node.module else []
            yield from (".".join([*origin, alias.name]) for alias in node.names)
