"""BentoML with one single-threaded worker per core.

https://docs.bentoml.com/en/latest/build-with-bentoml/parallelize-requests.html
A single positional-only parameter receives the plain body.
"""

import bentoml

from benchmarks.peers.work import CORES, Predictions, Work


# BentoML reads the annotations, so they must not be postponed.
@bentoml.service(workers=CORES, threads=2, traffic={"timeout": 60}, metrics={"enabled": True})
class Classifier:
    def __init__(self) -> None:
        self.work = Work.from_environment(threads=1)

    @bentoml.api
    def predict(self, image: bytes, /) -> Predictions:
        """Labels of the photo in the body."""
        return self.work.predictions(image)
