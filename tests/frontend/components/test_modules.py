"""The browser's modules, tested by Node, and how they become the one script that Streamlit takes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from frontend.components import one_module

NODE = shutil.which("node")


@pytest.mark.integration
@pytest.mark.skipif(NODE is None, reason="needs Node")
@pytest.mark.parametrize("file", sorted(Path(__file__).parent.glob("*.test.mjs")), ids=lambda file: file.stem)
def test_the_modules_pass_their_tests(file: Path) -> None:
    assert NODE is not None
    run = subprocess.run([NODE, "--test", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout


def test_modules_become_one_without_imports_and_with_one_export() -> None:
    modules = [
        "export const A = 1;\nexport function b() {}\n",
        'import { A, b } from "./a.mjs";\nexport default function () {}\n',
    ]
    assert one_module(modules) == "const A = 1;\nfunction b() {}\n\nexport default function () {}\n"
