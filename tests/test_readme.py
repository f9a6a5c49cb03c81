"""README and docs agree with the code: settings, commands, links, file names, the example entry, generated tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT, environment
from benchmarks.harness.tables import pages, with_tables
from services.catalog import DEFAULT_PATH, load_catalog

PACKAGE_PAGES = [
    ROOT / package / "README.md"
    for package in ("services", "gateway", "frontend", "cloudbuild", "deploy", "benchmarks")
]
PAGES = [*sorted(ROOT.glob("*.md")), *PACKAGE_PAGES, *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
# The calls and declarations by which the code reads an environment variable.
READ = re.compile(
    r"""env\.(?:text|number|integer|switch)\(\s*"([A-Z_]+)"|envvar="([A-Z_]+)"|"""
    r"""(?:environment|environ|told)\.get\(\s*"([A-Z_]+)"|_seconds\("([A-Z_]+)"|^([A-Z_]+) \?= """,
    re.MULTILINE,
)
# Names of the reader's own files.
EXAMPLES = {"api.yaml", "api_3.yaml", "keys.yaml"}
# Variables of the system or of WSGI, not settings of the product.
SYSTEM = {"PATH", "CONTENT_TYPE", "HTTP_X_REQUEST_ID", "HTTP_X_CLOUD_TRACE_CONTEXT", "HTTP_TRACEPARENT"}


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def settings_table() -> list[str]:
    """The first cells of the rows below the heading "Settings", on whichever page has it."""
    (section,) = [
        re.split(r"\n## ", text[heading.end() :])[0]
        for text in TEXTS.values()
        for heading in re.finditer(r"^##? Settings$", text, re.MULTILINE)
    ]
    return [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]


def test_the_settings_table_lists_every_variable_that_the_code_reads_and_no_other() -> None:
    sources = [ROOT / "Makefile"]
    for package in ("services", "gateway", "frontend", "deploy"):
        sources += (ROOT / package).rglob("*.py")
    read = {
        name
        for source in sources
        for names in READ.findall(source.read_text(encoding="utf-8"))
        for name in names
        if name and name not in SYSTEM
    }
    assert {name for cell in settings_table() for name in re.findall(r"`([A-Z_]+)`", cell)} == read


@pytest.mark.integration
def test_the_published_monthly_cost_is_that_of_deploy_cost() -> None:
    command = [sys.executable, "-m", "deploy", "cost"]
    run = subprocess.run(command, cwd=ROOT, env=environment(COLUMNS="200"), capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert any(f"**${run.stdout.split()[-1]}**" in text for text in TEXTS.values())


def test_the_example_entry_is_valid(tmp_path: Path) -> None:
    (entry,) = re.findall(r"^```yaml\n(.+?)^```", TEXTS[ROOT / "docs/models.md"], re.MULTILINE | re.DOTALL)[:1]
    catalog = tmp_path / "models.yaml"
    catalog.write_text(DEFAULT_PATH.read_text(encoding="utf-8") + "\n" + entry.replace("…", "a" * 64), encoding="utf-8")
    for name in ("flowers.pth", "flowers.txt"):
        (tmp_path / name).touch()
    assert load_catalog(catalog)["flowers"].architecture == "resnet18"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_files_and_headings_that_a_page_links_to_exist(page: Path) -> None:
    assert [path for path, anchor in links(page) if not path.exists() or (anchor and anchor not in anchors(path))] == []


def test_every_page_and_screenshot_is_linked_from_another_page() -> None:
    linked = {path for page in PAGES for path, _ in links(page) if path != page}
    files = {*PAGES, *(ROOT / "docs" / "images").iterdir()} - {ROOT / "README.md"}
    assert [str(path.relative_to(ROOT)) for path in files - linked] == []


def links(page: Path) -> list[tuple[Path, str]]:
    """The files that a page links to, each with the anchor of a heading, or ""."""
    targets = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", TEXTS[page])
    return [((page.parent / link).resolve() if link else page, anchor) for link, anchor in targets]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", TEXTS[page], re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# The changelog also names targets that no longer exist.
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=page_id)
def test_the_make_targets_that_a_page_names_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", TEXTS[page], re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("page", pages(), ids=page_id)
def test_a_generated_table_is_the_one_its_program_wrote(page: Path) -> None:
    assert with_tables(page) == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PACKAGE_PAGES, ids=page_id)
def test_the_files_that_a_package_readme_names_exist(page: Path) -> None:
    words = set(re.findall(r"[\w/.]+\.(?:py|yaml|css|js|html|Dockerfile)\b", TEXTS[page]))
    files = [str(path) for path in [*page.parent.rglob("*"), *(ROOT / "docs").rglob("*"), *ROOT.glob("*")]]
    missing = {word for word in words if not any(path.endswith("/" + word) for path in files)}
    assert missing - EXAMPLES == set()


def test_the_map_in_contributing_names_every_package_and_test_folder() -> None:
    rows = [line.split("|")[1:3] for line in TEXTS[ROOT / "CONTRIBUTING.md"].splitlines() if line.startswith("| ")]
    named = {name for row in rows for cell in row for name in re.findall(r"`([\w./-]+)`", cell)}
    assert [name for name in named if not (ROOT / name).exists()] == []
    folders = {path.parent for path in [*ROOT.glob("*/__init__.py"), *(ROOT / "tests").glob("*/test_*.py")]}
    missing = [str(path) for path in folders if not any((ROOT / name).is_relative_to(path) for name in named)]
    assert missing == []
