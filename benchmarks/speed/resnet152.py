"""`python -m benchmarks.speed.resnet152`: ResNet-152 with random weights, in torch and as the services compute it.

Both on all cores, in turns: one image at a time, and as many images per second as can be had (torch at its better of
one image at a time on all cores and a thread of one core for each image). Pixels only: no decoding on either side.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.rates import rate
from services.artifact import Preprocess
from services.classifier.engine import Engine
from services.classifier.settings import available_cpus

SIDE = 224
PREPROCESS = Preprocess(256, SIDE, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class ResNet152:
    """Seconds of one image (medians), and images per second."""

    torch_one: float
    service_one: float
    torch_rate: float
    service_rate: float


def measured(rounds: int, seconds: float) -> ResNet152:
    """Medians over rounds that alternate."""
    # Only the process that measures this has torch.
    import torch
    import torchvision

    from services.export.convert import openvino_model, save
    from services.export.network import Network

    torch.manual_seed(0)
    module = torchvision.models.resnet152(weights=None).eval()
    network = Network(module, PREPROCESS, ())
    with tempfile.TemporaryDirectory() as folder:
        save(openvino_model(network, "resnet152"), Path(folder))
        # One stream per core, as the service has them, and one for all cores.
        streams = Engine(Path(folder) / "model.xml", streams=available_cpus())
        single = Engine(Path(folder) / "model.xml", streams=1)
        pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        image = torch.rand(1, 3, SIDE, SIDE)

        def by_torch() -> None:
            with torch.inference_mode():
                module(image)

        found: dict[str, list[float]] = {name: [] for name in ResNet152.__dataclass_fields__}
        for _ in range(rounds):
            torch.set_num_threads(available_cpus())
            alone = rate(by_torch, 1, seconds)
            found["torch_one"].append(1 / alone)
            found["service_one"].append(1 / rate(lambda: single.logits(pixels), 1, seconds))
            torch.set_num_threads(1)
            found["torch_rate"].append(max(alone, rate(by_torch, available_cpus(), seconds)))
            found["service_rate"].append(rate(lambda: streams.logits(pixels), available_cpus(), seconds))
    return ResNet152(**{name: statistics.median(values) for name, values in found.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    wanted = parser.parse_args()
    json.dump(asdict(measured(wanted.rounds, wanted.seconds)), sys.stdout)


if __name__ == "__main__":
    main()
