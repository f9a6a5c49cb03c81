"""`python .ci/release_notes.py TAG`: print the release notes, if TAG, pyproject.toml and CHANGELOG.md agree."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
RELEASE = re.compile(r"^## \[(\d\S*)\][^\n]*\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def newest_release(changelog: str) -> tuple[str, str]:
    """The version and the notes of the first released section."""
    found = RELEASE.search(changelog)
    if found is None:
        raise ValueError("CHANGELOG.md has no released version")
    return found[1], found[2].strip()


def main(tag: str) -> int:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest, notes = newest_release((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    if not tag == f"v{version}" == f"v{newest}":
        print(f"The tag is {tag}, pyproject.toml has {version}, and CHANGELOG.md has {newest}.", file=sys.stderr)
        return 1
    print(notes)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
