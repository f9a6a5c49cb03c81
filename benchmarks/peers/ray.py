"""Ray Serve with one single-threaded replica per core.

https://docs.ray.io/en/latest/serve/getting_started.html and its tutorial on serving ResNet.
"""

from __future__ import annotations

import os
import tempfile

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.peers.work import CORES, Predictions, Work


@serve.deployment(num_replicas=CORES, ray_actor_options={"num_cpus": 1}, max_ongoing_requests=32)
class Classifier:
    def __init__(self) -> None:
        self.work = Work.from_environment(threads=1)

    async def __call__(self, request: Request) -> Predictions:
        return self.work.predictions(await request.body())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        ray.init(
            address="local",
            num_cpus=CORES,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
            object_store_memory=100 * 2**20,
        )
        serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
        serve.run(Classifier.bind(), route_prefix="/predict", blocking=True)
