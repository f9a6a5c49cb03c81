"""A page of its own for each file of tests: a stub gateway, the page's real server, a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from frontend.images.image import SAMPLES
from tests.browsers import DESK, PATIENCE_MS, chromium_browser
from tests.frontend.stub_gateway import StubGateway, stub_gateway
from tests.running import ROOT, answers, end_process, environment, free_port, wait_for


@dataclass
class Served:
    """The page's server and the gateway it asks."""

    url: str
    gateway: StubGateway
    process: subprocess.Popen[str]


@contextmanager
def served_page(folder: Path) -> Iterator[Served]:
    """The page, as `python -m frontend` serves it, in front of a stub gateway."""
    port = free_port()
    with stub_gateway() as gateway, (folder / "page.log").open("w") as log:
        variables = environment(API_GATEWAY=gateway.address, API_KEY=gateway.key, HOST="127.0.0.1", PORT=str(port))
        process = subprocess.Popen(
            [sys.executable, "-m", "frontend"], cwd=ROOT, env=variables, stdout=log, stderr=log, text=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: answers(f"{url}/_stcore/health"), 30, "the page is up")
            yield Served(url, gateway, process)
        finally:
            end_process(process)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_page(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture
def gateway(served: Served) -> StubGateway:
    """The page's gateway, well-behaved, its counts at zero."""
    served.gateway.reset()
    return served.gateway


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with chromium_browser() as browser:
        yield browser


Visitor = Callable[..., Page]
# Where the pictures are that visitors name by their address; browsers get a sample from there.
PICTURES = "https://pictures.example/"


@pytest.fixture(scope="session")
def browser_context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that has been here before: what it has fetched it need not fetch again."""
    context = chromium.new_context(viewport=DESK, locale="en-GB", permissions=["camera"])
    yield context
    context.close()


@pytest.fixture
def visitor(
    chromium: Browser, browser_context: BrowserContext, served: Served, gateway: StubGateway
) -> Iterator[Visitor]:
    """Opens the page: `visitor("?top=3")`; with options in a browser of its own: `visitor(locale="fr-FR")`."""
    yield from visitors(chromium, browser_context, served)


def give_files(page: Page, *paths: Path, at: str = "files") -> None:
    """Chooses these files in the picture input, as soon as a visitor could."""
    place = page.locator(f"input[data-at={at}]")
    expect(place).to_be_visible()
    place.set_input_files(paths)


def visitors(chromium: Browser, shared: BrowserContext, served: Served) -> Iterator[Visitor]:
    faults: list[str] = []
    with ExitStack() as opened:

        def visit(query: str = "", **options: object) -> Page:
            context = shared
            if options:
                context = chromium.new_context(**{"viewport": DESK, "locale": "en-GB", **options})
                opened.callback(context.close)
            page = context.new_page()
            opened.callback(page.close)
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
            page.route(f"{PICTURES}**", lambda route: route.fulfill(path=SAMPLES / "chelsea.jpg"))
            page.goto(f"{served.url}/{query}")
            return page

        yield visit
    assert faults == [], "the browser's console is clean"
