"""LitServe with one single-threaded worker per core, as its documentation says for CPUs.

https://lightning.ai/docs/litserve/api-reference/litserver (workers_per_device)
Its guides send base64 in JSON; here it receives plain bytes like all others, which is less work.
"""

import os
from typing import Annotated, Any

import litserve
from fastapi import Body

from benchmarks.peers.work import CORES, Predictions, Work

Photo = Annotated[bytes, Body(media_type="image/jpeg")]


# LitServe passes the annotations to FastAPI, so they must not be postponed.
class Classifier(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.work = Work.from_environment(threads=1)

    def decode_request(self, request: Photo) -> Any:
        return self.work.network.pixels(request)

    def predict(self, x: Any) -> Any:
        return self.work.network.scores([x])[0]

    def encode_response(self, output: Any) -> Predictions:
        return self.work.named(output)


if __name__ == "__main__":
    server = litserve.LitServer(Classifier(), accelerator="cpu", workers_per_device=CORES)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
    )
