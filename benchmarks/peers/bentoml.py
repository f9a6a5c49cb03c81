"""BentoML with a worker per core, and one thread of computing in each.

https://docs.bentoml.com/en/latest/build-with-bentoml/parallelize-requests.html ; the one positional parameter takes the
plain body.
"""

import bentoml

from benchmarks.peers.work import CORES, Answer, Work


# No postponed annotations: BentoML reads them.
@bentoml.service(workers=CORES, threads=2, traffic={"timeout": 60}, metrics={"enabled": True})
class Classifier:
    """Runs in each worker."""

    def __init__(self) -> None:
        self.work = Work.from_environment(threads=1)

    @bentoml.api
    def predict(self, image: bytes, /) -> Answer:
        """The labels of the photo in the body."""
        return self.work.answer(image)
