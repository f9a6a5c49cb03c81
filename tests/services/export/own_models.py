"""Models with 1, 2, 9 and 21,841 labels, and a catalog with their entries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from services.artifact import ScoreFunction
from tests.services.export.own_model import sha256
from tests.services.export.tiny_network import Tiny


@dataclass(frozen=True)
class Own:
    """One entry: its labels as YAML, and what they should come to."""

    labels: str
    count: int
    scores: ScoreFunction
    more: str = ""

    @property
    def module(self) -> torch.nn.Module:
        torch.manual_seed(self.count)
        module = Tiny(self.count)
        with torch.no_grad():
            module[2].get_parameter("weight").mul_(20)
        return module.eval()


MODELS = {
    "ripe": Own("[ripe]", 1, "sigmoid"),
    "cats-or-dogs": Own("[cat, dog]", 2, "softmax"),
    "weather": Own("weather.txt", 9, "sigmoid", "scores: sigmoid"),
    "imagenet-21k": Own("imagenet-21k.txt", 21_841, "softmax"),
}
ENTRY = """
  {name}:
    title: Own
    architecture: {{callable: "tests.services.export.tiny_network:Tiny", arguments: {{labels: {own.count}}}}}
    weights: {{file: {name}.pth, sha256: {digest}}}
    preprocess: {{resize: 64, crop: 64, interpolation: bilinear, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}}
    labels: {own.labels}
    {own.more}
"""


def catalog_of_all(folder: Path) -> Path:
    """The catalog's path, with all files that its entries name beside it."""
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
