"""Models with 1, 2, 9 and 21,841 labels, a gray and a non-square one, and a catalog with their entries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from services.artifact import ScoreFunction
from tests.services.export.own_model import sha256
from tests.services.export.tiny_network import Tiny


@dataclass(frozen=True)
class Own:
    """One entry: its labels as YAML, and what they should come to. `size` is the input's height and width."""

    title: str
    labels: str
    count: int
    scores: ScoreFunction
    more: str = ""
    channels: int = 3
    size: tuple[int, int] = (64, 64)

    @property
    def arguments(self) -> str:
        """Of the architecture, as YAML."""
        return f"{{labels: {self.count}, channels: {self.channels}}}"

    @property
    def preprocess(self) -> str:
        """The entry's field, as YAML."""
        channels = "gray" if self.channels == 1 else "rgb"
        height, width = self.size
        side = height if height == width else [height, width]
        return (
            f"{{resize: {side}, crop: {side}, interpolation: bilinear, channels: {channels}, mean: [0.5], std: [0.5]}}"
        )

    @property
    def module(self) -> torch.nn.Module:
        torch.manual_seed(self.count)
        module = Tiny(self.count, self.channels)
        with torch.no_grad():
            module[2].get_parameter("weight").mul_(20)
        return module.eval()


MODELS = {
    "ripe": Own("Ripeness", "[ripe]", 1, "sigmoid", "samples: [a sample.jpg]"),
    "cats-or-dogs": Own("Cats or dogs", "[cat, dog]", 2, "softmax"),
    "weather": Own("Weather", "weather.txt", 9, "sigmoid", "scores: sigmoid"),
    "imagenet-21k": Own("ImageNet-21k", "imagenet-21k.txt", 21_841, "softmax"),
    "gray-scans": Own("Scanned pages", "[blank, printed, handwritten]", 3, "softmax", "scores: softmax", channels=1),
    "wide-roads": Own(
        "Wide roads",
        '[clear, cyclist, "car, parked on the right", lorry]',
        4,
        "sigmoid",
        "scores: sigmoid",
        size=(48, 128),
    ),
}
ENTRY = """
  {name}:
    title: {own.title}
    architecture: {{callable: "tests.services.export.tiny_network:Tiny", arguments: {own.arguments}}}
    weights: {{file: {name}.pth, sha256: {digest}}}
    preprocess: {own.preprocess}
    labels: {own.labels}
    {own.more}
"""


def catalog_of_all(folder: Path, sample: bytes) -> Path:
    """The catalog's path, with all files that its entries name beside it; `sample` is an image for the first."""
    (folder / "a sample.jpg").write_bytes(sample)
    text = (
        "defaults: {precision: fp16, cpu: 1, memory: 512Mi, concurrency: 8, min_instances: 0, max_instances: 4,"
        " deadline: 60, quota: null}\nmodels:\n"
    )
    for name, own in MODELS.items():
        torch.save(own.module.state_dict(), folder / f"{name}.pth")
        text += ENTRY.format(name=name, own=own, digest=sha256(folder / f"{name}.pth"))
        if own.labels.endswith(".txt"):
            # The last of 21,841 labels is the same as the first.
            (folder / own.labels).write_text("".join(f"label {number % 21_840}\n" for number in range(own.count)))
    path = folder / "models.yaml"
    path.write_text(text)
    return path
