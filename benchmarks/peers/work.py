"""The work of every peer: JPEG bytes to the five best labels.

BENCHMARK_ENGINE says how: `torch`, as usually written; `openvino`, with Guichet's artifact and Pillow;
`openvino-decoder`, also with Guichet's decoder, which leaves only the frameworks to compare.
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

from services.artifact import read_labels, read_receipt
from services.preprocess import Preprocess

CORES = len(os.sched_getaffinity(0))
TOP = 5
Predictions = list[dict[str, str | float]]


class Network(Protocol):
    def pixels(self, image: bytes) -> Any:
        """One photo as `scores` takes it."""

    def scores(self, batch: Sequence[Any]) -> np.ndarray:
        """float32 [photos, labels]; each row sums to one."""


@dataclass(frozen=True)
class Work:
    """A network and its labels."""

    network: Network
    labels: Sequence[str]

    @classmethod
    def from_environment(cls, threads: int) -> Work:
        """The work that the environment's variables describe, with that many threads in this process."""
        artifact = Path(os.environ["BENCHMARK_ARTIFACT"])
        receipt = read_receipt(artifact)
        engine = os.environ["BENCHMARK_ENGINE"]
        network: Network
        if engine == "torch":
            network = TorchNetwork(Path(os.environ["BENCHMARK_WEIGHTS"]), receipt.model, receipt.preprocess, threads)
        else:
            network = OpenvinoNetwork(artifact, receipt.preprocess, threads, decoder=engine == "openvino-decoder")
        return cls(network, read_labels(artifact, receipt))

    def predictions(self, image: bytes) -> Predictions:
        """The best labels of one photo."""
        return self.named(self.network.scores([self.network.pixels(image)])[0])

    def named(self, scores: np.ndarray) -> Predictions:
        """The best labels with their scores."""
        best = np.argsort(-scores)[:TOP]
        return [{"label": self.labels[i], "score": round(float(scores[i]), 6)} for i in best]


class TorchNetwork:
    """Eager torch with torchvision's transforms."""

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
        with Image.open(io.BytesIO(image)) as photo:
            return self._transform(photo.convert("RGB"))

    def scores(self, batch: Sequence[Any]) -> np.ndarray:
        torch = self._torch
        with torch.inference_mode():
            scores: np.ndarray = torch.softmax(self._module(torch.stack(list(batch))), dim=1).numpy()
        return scores


class OpenvinoNetwork:
    """Guichet's artifact; `scores` may be called from any thread."""

    def __init__(self, artifact: Path, preprocess: Preprocess, threads: int, *, decoder: bool) -> None:
        import openvino as ov

        self._preprocess, self._decoder = preprocess, decoder
        settings = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
        core = ov.Core()
        self._compiled = core.compile_model(core.read_model(artifact / "model.xml"), "CPU", settings)
        self._requests = [self._compiled.create_infer_request() for _ in range(threads)]

    def pixels(self, image: bytes) -> np.ndarray:
        if self._decoder:
            from services.classifier.decoding.pixels import decoded_pixels

            return decoded_pixels(image, self._preprocess)
        resize, crop = self._preprocess.resize, self._preprocess.width
        if not isinstance(resize, int):
            raise ValueError("only models that resize the shorter side are compared")
        with Image.open(io.BytesIO(image)) as photo:
            # The fastest way with Pillow: decode at a reduced size, and resize only the crop.
            photo.draft("RGB", (resize, resize))
            width, height = photo.size
            side = min(width, height) * crop / resize
            left, top = (width - side) / 2, (height - side) / 2
            filter_ = Image.Resampling[self._preprocess.interpolation.upper()]
            return np.asarray(photo.convert("RGB").resize((crop, crop), filter_, (left, top, left + side, top + side)))

    def scores(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        logits = np.stack([self._logits(pixels) for pixels in batch])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return scores

    def _logits(self, pixels: np.ndarray) -> np.ndarray:
        try:
            request = self._requests.pop()
        except IndexError:
            # More callers than streams: OpenVINO queues them.
            request = self._compiled.create_infer_request()
        try:
            request.infer([pixels[np.newaxis]], share_inputs=True)
            return np.array(request.get_output_tensor(0).data[0])
        finally:
            self._requests.append(request)
