"""`python -m benchmarks.page.screenshots`: the pictures of the page in docs/images.

Starts everything as `make run` does, shows the page CC0 photos, and photographs it with Chromium.
"""

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

from benchmarks.shell import run
from frontend.images.image import SAMPLES
from tests.browsers import PHONE, chromium_browser
from tests.running import ROOT, answers, end_process, environment, free_port, wait_for

DESK: Final[ViewportSize] = {"width": 1280, "height": 800}
# Photos in scikit-image's package beside the samples, CC0 or in the public domain.
MORE = ("astronaut", "brick", "camera", "grass", "gravel")


@contextmanager
def running_product(folder: Path) -> Iterator[str]:
    """The page's address, while everything runs."""
    gateway, page = free_port(), free_port()
    command = [sys.executable, "-m", "deploy", "local", f"--gateway-port={gateway}", f"--frontend-port={page}"]
    process = subprocess.Popen([*command, f"--state={folder}"], cwd=ROOT, env=environment(), text=True)
    try:
        url = f"http://127.0.0.1:{page}"
        wait_for(lambda: answers(f"{url}/_stcore/health") and answers(f"http://127.0.0.1:{gateway}/docs"), 120, "ready")
        yield url
    finally:
        end_process(process)


def one_picture(page: Page) -> None:
    page.locator("button[data-name=coffee]").click()
    page.locator(".g-verdict").nth(2).wait_for()


def many_pictures(page: Page, folder: Path) -> None:
    pictures = list(SAMPLES.glob("*.jpg"))
    for name in MORE:
        pictures.append(folder / f"{name}.jpg")
        with (files("skimage") / "data" / f"{name}.png").open("rb") as file, Image.open(file) as photo:
            photo.convert("RGB").save(pictures[-1], quality=92)
    page.locator("input[data-at=files]").set_input_files(pictures)
    page.locator("[data-at=body] td.done").nth(3 * len(pictures) - 1).wait_for()


def photograph(browser: Browser, url: str, folder: Path, out: Path) -> list[Path]:
    """Takes the pictures; their files."""
    views: tuple[tuple[str, ViewportSize, Literal["light", "dark"], Callable[[Page], None]], ...] = (
        ("page", DESK, "light", one_picture),
        ("page-many", DESK, "dark", lambda page: many_pictures(page, folder)),
        ("page-phone", PHONE, "light", one_picture),
    )
    taken = []
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
        raw = folder / f"{name}-raw.png"
        page.screenshot(path=raw)
        context.close()
        with Image.open(raw) as picture:
            taken.append(out / f"{name}.png")
            # 256 colours are enough for a page, and a third of the bytes.
            picture.convert("RGB").quantize(256).save(taken[-1], optimize=True)
    return taken


def main(
    output: Annotated[Path, typer.Option(help="The folder for the pictures.")] = ROOT / "docs" / "images",
) -> None:
    """Take the pictures of the page that README and docs show."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium_browser() as browser:
        folder = Path(name)
        with running_product(folder / "state") as url:
            for path in photograph(browser, url, folder, output):
                print(path)


if __name__ == "__main__":
    run(main)
