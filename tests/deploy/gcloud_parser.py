"""Parses command lines with gcloud's own parser, which checks commands, options and many values. Nothing is run."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

# Run by gcloud's own Python, in gcloud's own libraries.
PROGRAM = """\
import json, os, sys
root = sys.argv.pop()
sys.path[:0] = [os.path.join(root, "lib"), os.path.join(root, "lib", "third_party")]
from googlecloudsdk import gcloud_main
from googlecloudsdk.core import log, properties
properties.VALUES.core.disable_prompts.Set(True)
lines = json.load(sys.stdin)
parser = gcloud_main.CreateCLI([])._CLI__parser
for argv in lines:
    try:
        parser.parse_args(argv[1:])
    except (SystemExit, Exception):
        print("refused: " + " ".join(argv), file=sys.stderr)
"""


def sdk() -> Path | None:
    """The folder of the Google Cloud SDK; None without gcloud."""
    found = shutil.which("gcloud")
    if found is None:
        return None
    folders = [parent for parent in Path(found).resolve().parents if (parent / "lib/googlecloudsdk").is_dir()]
    return folders[0] if folders else None


def refused(lines: Sequence[Sequence[str]], folder: Path) -> str:
    """gcloud's complaints about the command lines; files that they name are looked up in `folder`."""
    root = sdk()
    assert root
    bundled = root / "platform/bundledpythonunix/bin/python3"
    done = subprocess.run(
        [str(bundled) if bundled.exists() else "python3", "-c", PROGRAM, str(root)],
        input=json.dumps([list(line) for line in lines]),
        cwd=folder,
        env={
            "CLOUDSDK_CONFIG": str(folder / ".gcloud"),
            "PATH": "/usr/bin:/bin",
            "CLOUDSDK_CORE_PROJECT": "my-project",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr if done.returncode == 0 else f"gcloud's parser did not run: {done.stderr}"
