"""What every peer does with a photo: JPEG bytes -> pixels -> network -> the five best labels.

Three ways, told by BENCHMARK_ENGINE: `torch`, as people write it; `openvino`, with the services' own artifact and
Pillow at its best; `openvino-decoder`, with the services' decoder besides, so that only the frameworks are compared.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from services.artifact import Preprocess, read_labels, read_receipt

CORES = len(os.sched_getaffinity(0))
TOP = 5
Answer = list[dict[str, str | float]]


class Network(Protocol):
    """Pixels as this network takes them, and their scores."""

    def pixels(self, image: bytes) -> Any:
        """One photo, ready for `scores`."""

    def scores(self, batch: Sequence[Any]) -> np.ndarray:
        """float32 [photos, labels], each row adding up to one."""


@dataclass(frozen=True)
class Work:
    """A network and its labels."""

    network: Network
    labels: Sequence[str]

    @classmethod
    def from_environment(cls, threads: int) -> Work:
        """The work that the environment names, with so many threads of computing in this process."""
        artifact = Path(os.environ["BENCHMARK_ARTIFACT"])
        receipt = read_receipt(artifact)
        engine = os.environ["BENCHMARK_ENGINE"]
        network: Network
        if engine == "torch":
            network = TorchNetwork(Path(os.environ["BENCHMARK_WEIGHTS"]), receipt.model, receipt.preprocess, threads)
        else:
            network = OpenvinoNetwork(artifact, receipt.preprocess, threads, decoder=engine == "openvino-decoder")
        return cls(network, read_labels(artifact, receipt))

    def answer(self, image: bytes) -> Answer:
        """The best labels of one photo."""
        return self.named(self.network.scores([self.network.pixels(image)])[0])

    def named(self, scores: np.ndarray) -> Answer:
        """The best labels with their scores."""
        best = np.argsort(-scores)[:TOP]
        return [{"label": self.labels[i], "score": round(float(scores[i]), 6)} for i in best]


class TorchNetwork:
    """The network in torch, eager, on torchvision's transforms."""

    def __init__(self, weights: Path, name: str, preprocess: Preprocess, threads: int) -> None:
        import torch
        from efficientnet_lite_pytorch import EfficientNet
        from torchvision import transforms

        torch.set_num_threads(threads)
        self._torch = torch
        self._module = EfficientNet.from_name(name)
        self._module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self._module.eval()
        self._transform = transforms.Compose(
            [
                transforms.Resize(preprocess.resize, transforms.InterpolationMode(preprocess.interpolation)),
                transforms.CenterCrop(preprocess.crop),
                transforms.ToTensor(),
                transforms.Normalize(preprocess.mean, preprocess.std),
            ]
        )

    def pixels(self, image: bytes) -> Any:
        with Image.open(io.BytesIO(image)) as picture:
            return self._transform(picture.convert("RGB"))

    def scores(self, batch: Sequence[Any]) -> np.ndarray:
        torch = self._torch
        with torch.inference_mode():
            scores: np.ndarray = torch.softmax(self._module(torch.stack(list(batch))), dim=1).numpy()
        return scores


class OpenvinoNetwork:
    """The services' artifact; any thread may ask for scores."""

    def __init__(self, artifact: Path, preprocess: Preprocess, threads: int, *, decoder: bool) -> None:
        import openvino as ov

        self._preprocess, self._decoder = preprocess, decoder
        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": str(threads),
            "INFERENCE_NUM_THREADS": str(threads),
        }
        core = ov.Core()
        self._compiled = core.compile_model(core.read_model(artifact / "model.xml"), "CPU", settings)
        self._requests = [self._compiled.create_infer_request() for _ in range(threads)]

    def pixels(self, image: bytes) -> np.ndarray:
        if self._decoder:
            from services.classifier.decoding.pixels import decoded_pixels

            return decoded_pixels(image, self._preprocess)
        resize, crop = self._preprocess.resize, self._preprocess.crop
        with Image.open(io.BytesIO(image)) as picture:
            # libjpeg decodes at 1/2, 1/4 or 1/8 for less, and only what the crop shows is resized.
            picture.draft("RGB", (resize, resize))
            width, height = picture.size
            side = min(width, height) * crop / resize
            left, top = (width - side) / 2, (height - side) / 2
            filter_ = Image.Resampling[self._preprocess.interpolation.upper()]
            return np.asarray(
                picture.convert("RGB").resize((crop, crop), filter_, (left, top, left + side, top + side))
            )

    def scores(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        logits = np.stack([self._logits(pixels) for pixels in batch])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return scores

    def _logits(self, pixels: np.ndarray) -> np.ndarray:
        try:
            request = self._requests.pop()
        except IndexError:
            # More threads ask at once than compute: the network itself makes them wait for their turn.
            request = self._compiled.create_infer_request()
        try:
            request.infer([pixels[np.newaxis]], share_inputs=True)
            return np.array(request.get_output_tensor(0).data[0])
        finally:
            self._requests.append(request)
