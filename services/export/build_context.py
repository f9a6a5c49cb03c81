"""`python -m services.export.build_context NAME FOLDER`: copy everything that one artifact is made from.

That is the modules that the export imports, a catalog with this entry alone, and the files that the entry names.
A container image's build exports from this folder, so that its cached export stays valid when anything else changes,
such as another model's entry or the code that serves. Imports no torch.
"""

from __future__ import annotations

import ast
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from services.catalog import DEFAULT_PATH, Catalog, CatalogError, LocalFile, Model, load_catalog

ROOT = DEFAULT_PATH.parents[1]
# The fields that say how a service runs do not change its artifact, but a catalog must have them.
SERVICE_FIELDS = {
    "cpu": 1,
    "memory": "512Mi",
    "concurrency": 1,
    "min_instances": 0,
    "max_instances": 1,
    "deadline": 60,
    "quota": None,
}


def main(arguments: list[str]) -> int:
    """The exit code: 0 for success, 1 after printing one sentence, 2 for wrong arguments."""
    if len(arguments) != 2:
        print("Usage: python -m services.export.build_context NAME FOLDER", file=sys.stderr)
        return 2
    name, folder = arguments[0], Path(arguments[1])
    try:
        catalog = load_catalog(DEFAULT_PATH)
        model = catalog[name]
        _copy(imported(ROOT, "services.export.__main__"), ROOT, folder)
        write_entry(catalog, model, folder / DEFAULT_PATH.relative_to(ROOT))
    except CatalogError as err:
        print(err, file=sys.stderr)
        return 1
    except OSError as err:
        print(f"{err.filename}: {err.strerror}", file=sys.stderr)
        return 1
    return 0


def write_entry(catalog: Catalog, model: Model, path: Path) -> None:
    """Write a catalog of this model alone to `path`; copy the files that its entry names, and for int8 the photos.

    Raises CatalogError if such a file is missing, or outside the catalog's folder and therefore outside the build.
    """
    entry = model.model_dump(mode="json", exclude={"name"}) | SERVICE_FIELDS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"models": {model.name: entry}}, indent=1) + "\n", encoding="utf-8")
    origin = catalog.path.parent.resolve()
    for field, name in _named_files(model):
        place = f"{catalog.path}: {model.name}/{field}"
        source = catalog.file(model, field, name).resolve()
        if not source.is_file():
            raise CatalogError(f"{place}: {source} does not exist")
        _copy([source], origin, path.parent)
    if model.precision == "int8" and catalog.calibration.is_dir():
        photos = [photo for photo in catalog.calibration.resolve().iterdir() if photo.is_file()]
        _copy(photos, origin, path.parent)


def imported(root: Path, module: str) -> list[Path]:
    """The files under `root` of `module` and of everything it imports, directly or indirectly, sorted."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        for path in _files(root, waiting.pop()):
            if path not in found:
                found.add(path)
                waiting += _names(path)
    return sorted(found)


def _files(root: Path, module: str) -> Iterator[Path]:
    """The files of the module and of its parent packages; none if they are not under `root`."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:count])
        yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())


def _names(path: Path) -> Iterator[str]:
    """The absolute names that the file imports; for `from a import b` a.b, which may be a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _named_files(model: Model) -> list[tuple[str, str]]:
    """Field and path, relative to the catalog, of each file that the entry names."""
    labels = [] if model.labels == "imagenet" else [("labels", model.labels)]
    return labels + ([("weights", model.weights.file)] if isinstance(model.weights, LocalFile) else [])


def _copy(files: list[Path], origin: Path, target: Path) -> None:
    for file in files:
        copy = target / file.relative_to(origin)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
