"""MOSEC with a worker process per core, each doing the whole work with one thread of computing.

https://mosecorg.github.io/mosec/examples/pytorch.html has stages for decoding and computing with batches between them;
on two cores, batches help nothing and every tensor has to be copied from process to process: one stage is faster.
"""

from __future__ import annotations

import json

from mosec import Server, Worker

from benchmarks.peers.work import CORES, Answer, Work


class Classifier(Worker):
    """The plain bytes in, JSON out."""

    def __init__(self) -> None:
        super().__init__()
        self._work = Work.from_environment(threads=1)

    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: bytes) -> Answer:
        return self._work.answer(data)

    def serialize(self, data: Answer) -> bytes:
        return json.dumps(data).encode()


if __name__ == "__main__":
    # Where to listen stands in MOSEC_ADDRESS and MOSEC_PORT.
    server = Server()
    server.append_worker(Classifier, num=CORES, timeout=30)
    server.run()
