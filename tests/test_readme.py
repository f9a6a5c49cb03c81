"""The README keeps up with the code: its variables, commands, links and measured tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.tables import pages, with_tables
from tests.running import ROOT, environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
ROOMS = [ROOT / room / "README.md" for room in ("services", "gateway", "frontend", "deploy", "benchmarks")]
PAGES = [*sorted(ROOT.glob("*.md")), *ROOMS, *sorted((ROOT / "docs").glob("*.md"))]
# How the code names a variable that it reads.
READ = re.compile(
    r"""env\.(?:text|number|integer|switch)\(\s*"([A-Z_]+)"|envvar="([A-Z_]+)"|"""
    r"""(?:environment|environ|told)\.get\(\s*"([A-Z_]+)"|_seconds\("([A-Z_]+)"|^([A-Z_]+) \?= """,
    re.MULTILINE,
)
# Files of the reader's own.
EXAMPLES = {"api.yaml", "keys.yaml"}
# Set by those who start the program, whoever they are, and no matter of ours.
SYSTEM = {"PATH", "CONTENT_TYPE", "HTTP_X_REQUEST_ID", "HTTP_X_CLOUD_TRACE_CONTEXT", "HTTP_TRACEPARENT"}


def test_every_variable_that_the_code_reads_is_in_the_table_of_settings_and_no_other() -> None:
    sources = [ROOT / "Makefile"]
    for room in ("services", "gateway", "frontend", "deploy"):
        sources += (ROOT / room).rglob("*.py")
    read = {
        name
        for source in sources
        for names in READ.findall(source.read_text(encoding="utf-8"))
        for name in names
        if name and name not in SYSTEM
    }
    _, _, settings = README.partition("## Settings")
    rows = [line.split("|")[1] for line in settings.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)} == read


def test_what_a_deployment_costs_is_what_the_command_says() -> None:
    command = [sys.executable, "-m", "deploy", "cost"]
    run = subprocess.run(command, cwd=ROOT, env=environment(COLUMNS="200"), capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert f"**${run.stdout.split()[-1]}**" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_measured_tables_are_those_that_programs_wrote(page: Path) -> None:
    assert with_tables(page) == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ROOMS, ids=lambda page: page.parent.name)
def test_every_file_that_a_room_names_is_in_it(page: Path) -> None:
    words = set(re.findall(r"[\w/.]+\.(?:py|yaml|css|js|html|Dockerfile)\b", page.read_text(encoding="utf-8")))
    there = [str(path) for path in [*page.parent.rglob("*"), *(ROOT / "docs").rglob("*"), *ROOT.glob("*")]]
    missing = {word for word in words if not any(path.endswith("/" + word) for path in there)}
    assert missing - EXAMPLES == set()
