"""A classifier of scikit-learn's digits as coloured images, trained here, and a pipeline of its own that predicts."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from services.artifact import Receipt
from services.catalog import load_catalog
from services.export.cache_key import CacheKey
from services.export.exporter import export_model

SIDE = 32
LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TRAINED = 1200
ENTRY = {
    "labels": f"[{', '.join(LABELS)}]",
    "preprocess": "{resize: 36, crop: 32, interpolation: bicubic, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}",
}
Prepare = Callable[[Image.Image], Image.Image]


class DigitNetwork(nn.Sequential):
    """float32 [n, 3, 32, 32] -> logits [n, 10]; or, with `softmax`, scores."""

    def __init__(self, softmax: bool = False) -> None:
        last = [nn.Softmax(1)] if softmax else []
        super().__init__(
            nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, len(LABELS)), *last
        )


def image_of(digit: NDArray[np.float64], seed: int) -> Image.Image:
    """8 × 8 values as an image of 72 × 54 pixels: red on blue, with stripes, which each filter blurs differently."""
    shape = np.asarray(Image.fromarray((digit * 15).astype(np.uint8)).resize((54, 54), Image.Resampling.NEAREST)) / 255
    ink = np.zeros((54, 72))
    ink[:, 9:63] = shape
    colours = ink[..., None] * np.array([250, 120, 30]) + (1 - ink[..., None]) * np.array([20, 60, 160])
    random = np.random.default_rng(seed)
    grain = random.normal(0, 25, (54, 72, 1)) + 90 * (np.indices((54, 72)).sum(axis=0) % 4 < 2)[..., None]
    return Image.fromarray((colours + grain).clip(0, 255).astype(np.uint8))


def cropped(image: Image.Image, resampling: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    """As the network was trained: the shorter side at 36 pixels, and the centre of it."""
    width, height = (
        (36 * image.width // image.height, 36)
        if image.width >= image.height
        else (36, 36 * image.height // image.width)
    )
    resized = image.resize((width, height), resampling)
    left, top = round((width - SIDE) / 2), round((height - SIDE) / 2)
    return resized.crop((left, top, left + SIDE, top + SIDE))


def tensor(image: Image.Image) -> torch.Tensor:
    """float32 [3, 32, 32] from -1 to 1."""
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 127.5 - 1


@cache
def all_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """scikit-learn's digits, [n, 8, 8], and what each shows; from its file, because the library is slow to import."""
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    rows = np.loadtxt(Path(spec.origin).parent / "datasets/data/digits.csv.gz", delimiter=",")
    return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(np.int64)


@cache
def trained() -> dict[str, torch.Tensor]:
    """The weights of a network that recognises most digits."""
    torch.manual_seed(0)
    digits, shown = all_digits()
    inputs = torch.stack([tensor(cropped(image_of(digits[number], number))) for number in range(TRAINED)])
    truth = torch.from_numpy(shown[:TRAINED])
    network = DigitNetwork()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(inputs), truth, label_smoothing=0.2).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    state: dict[str, torch.Tensor] = network.state_dict()
    return state


def predictor(prepare: Prepare = cropped, times: int = 1) -> Callable[[str], NDArray[np.float32]]:
    """A pipeline from a path to scores; `times` is how often it applies softmax."""

    def predict(path: str) -> NDArray[np.float32]:
        network = DigitNetwork()
        network.load_state_dict(trained())
        with Image.open(path) as image, torch.inference_mode():
            scores = network(tensor(prepare(image.convert("RGB")))[None])[0]
            for _ in range(times):
                scores = scores.softmax(0)
        result: NDArray[np.float32] = scores.numpy()
        return result

    return predict


def image_files(folder: Path, count: int) -> list[tuple[Path, str]]:
    """PNG files of digits that were not trained with, in one subfolder per label."""
    digits, shown = all_digits()
    files = []
    for number in range(TRAINED, TRAINED + count):
        label = LABELS[shown[number]]
        (folder / label).mkdir(parents=True, exist_ok=True)
        file = folder / label / f"{number}.png"
        image_of(digits[number], number).save(file)
        files.append((file, label))
    return files


def catalog_file(folder: Path, *, softmax: bool = False, fields: Mapping[str, str]) -> Path:
    """A catalog with the trained network as `digits`; `fields` are added to its entry, or replace some."""
    torch.save(trained(), folder / "digits.pth")
    arguments = f"{{softmax: {str(softmax).lower()}}}"
    entry = ENTRY | dict(fields)
    text = (
        "models:\n  digits:\n"
        f'    architecture: {{callable: "tests.services.export.digits:DigitNetwork", arguments: {arguments}}}\n'
        "    weights: {file: digits.pth}\n"
    )
    path = folder / "models.yaml"
    path.write_text(text + "".join(f"    {name}: {value}\n" for name, value in entry.items()))
    return path


def exported(path: Path) -> Receipt:
    """Export `digits` of this catalog, into `artifacts` beside it."""
    catalog = load_catalog(path)
    model = catalog["digits"]
    return export_model(
        catalog,
        model,
        path.parent / "digits.pth",
        CacheKey.of(catalog, model, "fp16", None),
        path.parent / "artifacts",
        step=lambda _: None,
        note=lambda _: None,
    )
