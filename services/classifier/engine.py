"""The network at work: OpenVINO, one inference request per stream, shared by all threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray

if TYPE_CHECKING:
    from services.classifier.decoding.pixels import Pixels

Logits = NDArray[np.float32]

# For one of several processes side by side: left alone, OpenVINO would bind the only thread of each to the same
# processor. The thread that asks is the one that computes, so that a process that is forked later can do it too.
ONE_PROCESSOR: Final = {"INFERENCE_NUM_THREADS": "1", "ENABLE_CPU_PINNING": "NO"}


class Engine:
    """A compiled network. `logits` may be called from any thread; calls beyond `streams` wait for one another."""

    def __init__(self, model_xml: Path, *, streams: int, properties: dict[str, str] | None = None) -> None:
        core = ov.Core()
        settings = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(streams)}
        compiled = core.compile_model(core.read_model(model_xml), "CPU", settings | (properties or {}))
        self.outputs = int(compiled.output(0).shape[1])
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())

    def logits(self, pixels: Pixels) -> Logits:
        """float32 [labels] for uint8 [side, side, 3]."""
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
