"""The page's real server in front of a fake gateway, and a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from benchmarks.harness.browser import DESK
from benchmarks.harness.process import ROOT, end_process, environment, free_port, responds, wait_for
from benchmarks.harness.stub_gateway import StubGateway, stub_gateway
from frontend.settings import SAMPLES
from tests.browsers import PATIENCE_MS


@dataclass
class Served:
    """The page's server and the gateway it uses."""

    url: str
    gateway: StubGateway
    process: subprocess.Popen[str]
    start: Callable[[], subprocess.Popen[str]]

    def stop(self) -> None:
        """End the server's process, and wait until the gateway has counted its requests."""
        end_process(self.process)
        wait_for(self.gateway.has_read_everything, 20, "the gateway has counted the requests of the ended process")

    def restart(self) -> None:
        """End the server's process, and start another one."""
        self.stop()
        self.process = self.start()


@contextmanager
def served_page(folder: Path, *, code: str = "", **settings: str) -> Iterator[Served]:
    """The page as `python -m frontend` serves it, or `python -c code`; its log is `page.log` in the folder."""
    port = free_port()
    with stub_gateway() as gateway, (folder / "page.log").open("w") as log:
        variables = environment(
            API_GATEWAY=gateway.address, API_KEY=gateway.key, HOST="127.0.0.1", PORT=str(port), **settings
        )
        url = f"http://127.0.0.1:{port}"

        def start() -> subprocess.Popen[str]:
            command = [sys.executable, *(["-c", code] if code else ["-m", "frontend"])]
            process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log, text=True)
            wait_for(lambda: responds(f"{url}/_stcore/health"), 30, "the page is up")
            return process

        served = Served(url, gateway, start(), start)
        try:
            yield served
        finally:
            end_process(served.process)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_page(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture
def gateway(served: Served) -> StubGateway:
    """The page's gateway, reset."""
    served.gateway.reset()
    return served.gateway


class Visitor(Protocol):
    """Opens the page: `visitor("?top=3")`, or with options of a new browser context: `visitor(locale="fr-FR")`.

    With `image_site`, the page can load images from IMAGE_SITE. Playwright then turns its cache off.
    """

    def __call__(self, query: str = "", *, image_site: bool = False, **options: Any) -> Page: ...


# With `image_site`, every URL below this one is a sample.
IMAGE_SITE = "https://images.example/"
PERMISSIONS = ["camera", "clipboard-read", "clipboard-write"]


@pytest.fixture(scope="module")
def browser_context(chromium: Browser) -> Iterator[BrowserContext]:
    """A context that tests share, so that the browser caches the page's files."""
    context = chromium.new_context(viewport=DESK, locale="en-GB", permissions=PERMISSIONS)
    yield context
    context.close()


@pytest.fixture
def visitor(
    chromium: Browser, browser_context: BrowserContext, served: Served, gateway: StubGateway
) -> Iterator[Visitor]:
    yield from visitors(chromium, browser_context, served)


def visitors(chromium: Browser, shared: BrowserContext, served: Served) -> Iterator[Visitor]:
    """Fails the test if a page it opened logged an error in the browser's console."""
    errors: list[str] = []
    if not shared.pages:
        shared.new_page().goto(f"{served.url}/_stcore/health")  # keeps the process that all pages of the site share
    with ExitStack() as opened:

        def visit(query: str = "", *, image_site: bool = False, **options: Any) -> Page:
            context = shared
            if options:
                settings: Mapping[str, Any] = {"viewport": DESK, "locale": "en-GB", **options}
                context = chromium.new_context(**settings)
                opened.callback(context.close)
            page = context.new_page()
            opened.callback(page.close)
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
            if image_site:
                page.route(f"{IMAGE_SITE}**", lambda route: route.fulfill(path=SAMPLES / "chelsea.jpg"))
            page.goto(f"{served.url}/{query}")
            return page

        yield visit
    assert errors == [], "the browser's console is clean"


def card(page: Page, model: str) -> Locator:
    return page.locator(f".st-key-card-{model}")


def best_labels(page: Page) -> list[str]:
    """The models' best labels, once all three have responded."""
    expect(page.locator(".g-verdict")).to_have_count(3)
    return page.locator(".g-verdict").all_inner_texts()


def expected_labels(gateway: StubGateway, image: bytes) -> list[str]:
    return [str(gateway.predictions(name, image, 1)[0]["label"]) for name in gateway.models]
