"""`python -m services.export.build_context NAME FOLDER [CATALOG]`: copy everything that one artifact is made from.

That is the modules that the export imports, a catalog with this entry alone, and the files that the entry names.
A container image's build exports from this folder, so that its cached export stays valid when anything else changes,
such as another model's entry or the code that serves. Imports no torch.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from services.catalog import DEFAULT_PATH, SERVICE_FIELDS, Catalog, CatalogError, Model, load_catalog
from services.catalog.imported_files import imported_files

ROOT = DEFAULT_PATH.parents[1]


def main(arguments: list[str]) -> int:
    """The exit code: 0 for success, 1 after printing one sentence, 2 for wrong arguments."""
    if len(arguments) not in (2, 3):
        print("Usage: python -m services.export.build_context NAME FOLDER [CATALOG]", file=sys.stderr)
        return 2
    name, folder = arguments[0], Path(arguments[1])
    try:
        catalog = load_catalog(Path(arguments[2]) if len(arguments) == 3 else DEFAULT_PATH)
        model = catalog[name]
        _copy(imported_files(ROOT, "services.export.__main__"), ROOT, folder)
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
    entry = model.model_dump(mode="json", exclude={"name", *SERVICE_FIELDS}, exclude_none=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"models": {model.name: entry}}, indent=1) + "\n", encoding="utf-8")
    origin = catalog.folder.resolve()
    for field, named in catalog.files(model):
        place = f"{catalog.path}: {model.name}/{field}"
        source = catalog.inside(model, field, named).resolve()
        if not source.is_file():
            raise CatalogError(f"{place}: {source} does not exist")
        _copy([source], origin, path.parent)
    if model.precision == "int8" and catalog.calibration.is_dir():
        photos = [photo for photo in catalog.calibration.resolve().iterdir() if photo.is_file()]
        _copy(photos, origin, path.parent)


def _copy(files: list[Path], origin: Path, target: Path) -> None:
    for file in files:
        copy = target / file.relative_to(origin)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
