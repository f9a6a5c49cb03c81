"""`make screenshots`: the screenshots in docs/images, of the whole product with CC0 photos of scikit-image."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize

from benchmarks.harness.browser import PHONE, chromium_browser
from benchmarks.harness.command import console, run
from benchmarks.harness.process import HOST, ROOT, end_process, environment, free_ports, responds, wait_for

DESK: Final[ViewportSize] = {"width": 1280, "height": 800}
PHOTOS: Final = (
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "astronaut.png",
    "brick.png",
    "camera.png",
    "grass.png",
    "gravel.png",
)


@contextmanager
def running_product(folder: Path) -> Iterator[str]:
    """The page's URL, while everything runs."""
    gateway, page = free_ports(2)
    command = [sys.executable, "-m", "deploy", "local", f"--gateway-port={gateway}", f"--frontend-port={page}"]
    process = subprocess.Popen([*command, f"--state={folder}"], cwd=ROOT, env=environment())
    urls = f"http://{HOST}:{page}/_stcore/health", f"http://{HOST}:{gateway}/docs"
    try:
        wait_for(lambda: all(responds(url) for url in urls), 120, "the product")
        yield f"http://{HOST}:{page}"
    finally:
        end_process(process)


def one_image(page: Page) -> None:
    page.locator("button[data-name=coffee]").click()
    page.locator(".g-verdict").nth(2).wait_for()


def many_images(page: Page, folder: Path) -> None:
    for name in PHOTOS:
        with (files("skimage") / "data" / name).open("rb") as file, Image.open(file) as photo:
            photo.convert("RGB").save(folder / f"{Path(name).stem}.jpg", quality=92)
    page.locator("input[data-at=files]").set_input_files(sorted(folder.glob("*.jpg")))
    page.locator("[data-at=body] td.done").nth(3 * len(PHOTOS) - 1).wait_for()


def take_screenshots(browser: Browser, url: str, folder: Path, output: Path) -> None:
    views: tuple[tuple[str, ViewportSize, Literal["light", "dark"], Callable[[Page], None]], ...] = (
        ("page", DESK, "light", one_image),
        ("page-many", DESK, "dark", lambda page: many_images(page, folder)),
        ("page-phone", PHONE, "light", one_image),
    )
    for name, viewport, theme, prepare in views:
        context = browser.new_context(
            viewport=viewport, color_scheme=theme, device_scale_factor=1.5, locale="en-GB", reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto(url)
        page.locator(".g-welcome").wait_for()
        prepare(page)
        page.mouse.move(0, 0)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{name}.png")
        context.close()
        with Image.open(folder / f"{name}.png") as screenshot:
            # 256 colours look the same and take a third of the bytes.
            screenshot.convert("RGB").quantize(256).save(output / f"{name}.png", optimize=True)
        console.print(output / f"{name}.png")


def main(
    output: Annotated[Path, typer.Option(help="Folder for the screenshots.")] = ROOT / "docs" / "images",
) -> None:
    """Take the screenshots of the page that README and docs show."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium_browser() as browser:
        folder = Path(name)
        with running_product(folder / "state") as url:
            take_screenshots(browser, url, folder, output)


if __name__ == "__main__":
    run(main)
