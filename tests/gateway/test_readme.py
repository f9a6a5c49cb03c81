"""The commands in the gateway's README, run with an installed wheel."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.harness.gateway_installation import SOURCE, Installation, install
from benchmarks.harness.process import environment, free_port

pytestmark = pytest.mark.integration

README = (SOURCE / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Example:
    """A command and the output that the README shows."""

    command: str
    output: list[str]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```", README, re.MULTILINE | re.DOTALL)


def examples() -> Iterator[Example]:
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = part.replace("\\\n", " ").splitlines()
            yield Example(command, output)


def test_the_commands_print_what_the_readme_shows(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    installed: Installation = install(tmp_path_factory.mktemp("installed"))
    variables = environment(PATH=f"{Path(installed.command).parent}:{os.environ['PATH']}")
    (tmp_path / "api.yaml").write_text(blocks("yaml")[0])
    ports = {"8080": str(free_port()), "9001": str(free_port())}
    background: list[subprocess.Popen[bytes]] = []
    try:
        for example in examples():
            command = re.sub(r"\b(8080|9001)\b", lambda found: ports[found[0]], example.command)
            shell = ["bash", "-c", command.removesuffix(" &")]
            if command.endswith(" &"):
                background.append(subprocess.Popen(shell, cwd=tmp_path, env=variables, start_new_session=True))
                continue
            run = subprocess.run(
                shell, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False
            )
            printed = (run.stdout + run.stderr).splitlines()
            assert len(printed) == len(example.output), (command, printed)
            for line, shown in zip(printed, example.output, strict=True):
                assert line.startswith(shown.partition("…")[0]) if "…" in shown else line == shown, command
    finally:
        for process in background:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(15)
    assert len(background) == 2
