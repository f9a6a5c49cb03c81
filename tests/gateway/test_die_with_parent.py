"""Commands that are tied to their parent."""

import subprocess
import sys

import pytest

from gateway.die_with_parent import die_with_parent

pytestmark = pytest.mark.integration


def test_the_wrapped_command_runs_with_its_arguments() -> None:
    command = [sys.executable, "-c", "import sys; print(sys.argv[1:])", "--a", "b c"]
    run = subprocess.run(die_with_parent(command), capture_output=True, text=True, timeout=20, check=True)
    assert run.stdout == "['--a', 'b c']\n"
