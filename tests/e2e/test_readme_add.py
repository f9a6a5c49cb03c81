"""Every line of the README's "Add a model", as it is written, in a copy of the repository."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torchvision

from benchmarks.harness.decisive import make_decisive
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, end_process, environment, free_port, wait_for
from benchmarks.harness.saved_models import LABELS, save_timm
from benchmarks.harness.stub_hub import stub_hub

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## Add a model\n(.+?)^## ", README, re.MULTILINE | re.DOTALL)
assert SECTION is not None
BLOCKS = [block.splitlines() for block in re.findall(r"^```\n(.+?)^```", SECTION[1], re.MULTILINE | re.DOTALL)]


@pytest.fixture
def checkout(tmp_path: Path, photos: list[Photo]) -> Path:
    """The repository, with a checkpoint, its labels and an image beside it."""
    folder = tmp_path / "checkout"
    for name in ("deploy", "frontend", "gateway", "services"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for entry in ROOT.iterdir():
        if entry.is_file():
            shutil.copy(entry, folder)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    module = torchvision.models.get_model("resnet18", num_classes=len(LABELS))
    make_decisive(module, torch.rand(8, 3, 64, 64), len(LABELS))
    torch.save(module.state_dict(), folder / "flowers.pth")
    (folder / "flowers.txt").write_text("".join(f"{label}\n" for label in LABELS))
    shutil.copy(photos[0].path, folder / "flower.jpg")
    return folder


@pytest.fixture
def hub_variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    save_timm("resnet10t", tmp_path / "hub")
    with stub_hub() as hub:
        hub.models["ORGANISATION/NAME"] = tmp_path / "hub"
        yield {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(BLOCKS[0] + BLOCKS[2], id="hub", marks=pytest.mark.thorough),
        # Without the first, which would build the network once more; test_hub tests `--dry-run`.
        pytest.param(BLOCKS[1][1:] + BLOCKS[2], id="checkpoint"),
    ],
)
def test_every_line_works(checkout: Path, hub_variables: dict[str, str], lines: list[str]) -> None:
    assert [len(block) for block in BLOCKS] == [2, 2, 3]
    assert "--dry-run" in BLOCKS[1][0]
    gateway, page = free_port(), free_port()
    variables = environment(GATEWAY_PORT=str(gateway), FRONTEND_PORT=str(page), **hub_variables)
    running: subprocess.Popen[str] | None = None
    output = checkout / "output"
    try:
        for line in lines:
            # Everything is installed already.
            command = line.replace("make ", "make --old-file=install ").replace(
                "127.0.0.1:8080", f"127.0.0.1:{gateway}"
            )
            if "make run" in line:
                with output.open("w") as file:
                    running = subprocess.Popen(
                        ["bash", "-c", f"exec {command}"],
                        cwd=checkout,
                        env=variables,
                        stdout=file,
                        stderr=file,
                        text=True,
                    )
                wait_for(lambda: "Ctrl-C stops" in output.read_text(), 60, "the product to be ready")
                continue
            run = subprocess.run(
                ["bash", "-c", command], cwd=checkout, env=variables, capture_output=True, text=True, check=False
            )
            assert run.returncode == 0, f"{line}\n{run.stderr}"
            if "predict" in line:
                assert all(label in run.stdout for label in LABELS)
            elif "curl" in line:
                assert '"labels":4' in run.stdout.replace(" ", "")
    finally:
        if running:
            end_process(running)
