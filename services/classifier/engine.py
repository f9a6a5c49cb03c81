"""Run a network with OpenVINO."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset15 as ops

from services.artifact import ScoreFunction

if TYPE_CHECKING:
    from services.classifier.decoding.resize import Pixels

Logits = NDArray[np.float32]

# For several processes side by side: with pinning, OpenVINO would bind the only thread of each to the same CPU. With
# one thread, the calling thread computes, so it works in a process forked after the network was loaded.
ONE_PROCESSOR: Final = {"INFERENCE_NUM_THREADS": "1", "ENABLE_CPU_PINNING": "NO"}
# Otherwise OpenVINO computes in bfloat16 where the CPU has it.
SINGLE_PRECISION: Final = {"INFERENCE_PRECISION_HINT": "f32"}
# The number of labels that the network itself ranks; the page requests this many.
RANKED: Final = 10


class Engine:
    """A compiled network. Up to `streams` threads may run `logits` at a time; others wait."""

    def __init__(self, model_xml: Path, *, streams: int, properties: dict[str, str] | None = None) -> None:
        compiled = _compiled(_read(model_xml), streams, properties or {})
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())

    def logits(self, pixels: Pixels) -> Logits:
        """float32 [labels] for uint8 [height, width, channels]."""
        with self._request() as request:
            request.infer([pixels[np.newaxis]], share_inputs=True)
            return np.array(request.get_output_tensor(0).data[0])

    @contextmanager
    def _request(self) -> Iterator[ov.InferRequest]:
        request = self._idle.get()
        try:
            yield request
        finally:
            self._idle.put(request)


class RankingEngine:
    """A network that also computes the scores and ranks the labels, in one thread; for one caller at a time.

    The results are those of the last `infer`. Ranking in NumPy instead takes 150 µs longer, because each inference
    evicts NumPy's code from the CPU caches.
    """

    def __init__(self, model_xml: Path, scores: ScoreFunction = "softmax", precision: str = "fp16") -> None:
        """`scores` is the function to rank by; `precision` is the artifact's.

        Raises RuntimeError if the file is not such a network.
        """
        properties = ONE_PROCESSOR | properties_of(precision)
        compiled = _compiled(_with_ranking(_read(model_xml), scores), 1, properties)
        self.scores = scores
        self._request = compiled.create_infer_request()
        # Shapes are static, so the request's tensors never move.
        self._pixels = self._request.get_input_tensor(0).data[0]
        self.logits: Logits = self._request.get_output_tensor(0).data[0]
        self._ranking = memoryview(self._request.get_output_tensor(1).data[0])
        self._count = len(self._ranking) // 2
        # Warm up: OpenVINO does some work at the first inference only.
        self.infer(np.zeros_like(self._pixels))

    def infer(self, pixels: Pixels) -> None:
        """Compute the results for uint8 [height, width, channels]."""
        self._pixels[...] = pixels
        self._request.infer(share_outputs=True)

    @property
    def valid(self) -> bool:
        """Whether all logits are finite."""
        # A finite sum implies finite terms; an infinite one may be an overflow, so check the terms.
        return math.isfinite(self._ranking[-1]) or bool(np.isfinite(self.logits).all())

    def best(self, top_k: int) -> list[tuple[int, float]] | None:
        """Index and score of the `top_k` best labels, best first; None if the network ranks fewer."""
        if top_k > self._count:
            return None
        values, count = self._ranking, self._count
        return [(int(values[count + rank]), values[rank]) for rank in range(top_k)]


def properties_of(precision: str) -> dict[str, str]:
    """How OpenVINO computes an artifact with this precision."""
    return SINGLE_PRECISION if precision == "fp32" else {}


def _read(model_xml: Path) -> ov.Model:
    return ov.Core().read_model(model_xml)


def _compiled(model: ov.Model, streams: int, properties: dict[str, str]) -> ov.CompiledModel:
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(streams)}
    return ov.Core().compile_model(model, "CPU", settings | properties)


def _with_ranking(model: ov.Model, scores: ScoreFunction) -> ov.Model:
    """The model with a second output, float32 [1, 2 * count + 1]: best scores, their labels' indices, sum of logits.

    Equal scores are in the order of the labels. Reading one output is faster than reading three.
    """
    try:
        logits = model.output(0).get_node().input_value(0)
    except IndexError as err:
        raise RuntimeError("the network has no output") from err
    count = min(RANKED, logits.get_shape()[1])
    best = ops.topk(_scores(logits, scores), np.int32(count), 1, "max", "value", "i32", stable=True)
    total = ops.reduce_sum(logits, np.array([1], np.int32), keep_dims=True)
    ranking = ops.concat([best.output(0), ops.convert(best.output(1), "f32"), total], 1)
    return ov.Model([*model.get_results(), ops.result(ranking)], model.get_parameters(), model.get_friendly_name())


def _scores(logits: ov.Output, function: ScoreFunction) -> ov.Output:
    if function == "softmax":
        return ops.softmax(logits, 1).output(0)
    return ops.sigmoid(logits).output(0) if function == "sigmoid" else logits
