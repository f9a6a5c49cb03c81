"""MOSEC with one single-threaded worker per core for the whole work.

https://mosecorg.github.io/mosec/examples/pytorch.html decodes and computes in two stages with batching; on two cores
one stage is faster, because no tensor is copied between processes.
"""

from __future__ import annotations

import json

from mosec import Server, Worker

from benchmarks.peers.work import CORES, Predictions, Work


class Classifier(Worker):
    def __init__(self) -> None:
        super().__init__()
        self._work = Work.from_environment(threads=1)

    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: bytes) -> Predictions:
        return self._work.predictions(data)

    def serialize(self, data: Predictions) -> bytes:
        return json.dumps(data).encode()


if __name__ == "__main__":
    # MOSEC reads MOSEC_ADDRESS and MOSEC_PORT.
    server = Server()
    server.append_worker(Classifier, num=CORES, timeout=30)
    server.run()
