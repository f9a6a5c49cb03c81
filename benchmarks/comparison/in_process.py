"""`python -m benchmarks.comparison.in_process BODIES`: the services' decoder and engine without HTTP; prints JSON.

With --artifact: the limit that HTTP could reach. Without: the time to decode a photo of 12 megapixels.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.machine import cores
from services.artifact import read_labels, read_receipt
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.resize import Pixels
from services.classifier.engine import Engine
from services.classifier.parameters import Parameters
from services.classifier.pipeline import Network, Pipeline
from services.classifier.predictions import JsonWriter, best_labels, softmax
from services.preprocess import Preprocess

TOP = 5
WARM_UP_SECONDS = 0.5
EFFICIENTNET_LITE0 = Preprocess(256, 224, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Limit:
    """Photos per second on all cores, and the median seconds of one photo at a time."""

    engine: str
    rate: float
    seconds: float
    precision: str


@dataclass(frozen=True)
class LargePhoto:
    """Median seconds to decode a JPEG of 12 megapixels, as usually written and as the service does it."""

    bytes: int
    naive: float
    service: float


def measure_limit(artifact: Path, engine: str, bodies: Sequence[bytes], seconds: float) -> Limit:
    """JPEG bytes to five labels: a single-threaded process per core, then one photo at a time."""
    rate = _rate_of_processes(artifact, bodies, seconds / 2)
    predict = _predict(artifact, Engine(artifact / "model.xml", streams=cores()))
    taken = _durations(predict, bodies, seconds / 2)
    return Limit(engine, rate, statistics.median(taken), inference_precision(artifact))


def inference_precision(artifact: Path) -> str:
    """The floating-point type that OpenVINO computes in on this CPU: f32, bf16 or f16."""
    import openvino as ov

    compiled = ov.Core().compile_model(artifact / "model.xml", "CPU")
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").to_string())


def rate(work: Callable[[], object], threads: int, seconds: float) -> float:
    """Calls per second by that many threads, after one call to warm up."""
    work()
    counts: list[float] = []

    def repeat() -> None:
        began = time.perf_counter()
        counts.append(len(_durations(lambda _: work(), (b"",), seconds)) / (time.perf_counter() - began))

    workers = [threading.Thread(target=repeat) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts)


def mosaic(paths: Sequence[Path], width: int = 4000, height: int = 3000) -> bytes:
    """A JPEG of 12 megapixels made of the photos, so that it has as much detail as a photo."""
    whole, tile = Image.new("RGB", (width, height)), (width // 5, height // 4)
    for place in range(20):
        with Image.open(paths[place % len(paths)]) as photo:
            resized = photo.convert("RGB").resize(tile, Image.Resampling.LANCZOS)
        whole.paste(resized, (place % 5 * tile[0], place // 5 * tile[1]))
    data = io.BytesIO()
    whole.save(data, "JPEG", quality=90)
    return data.getvalue()


def naive_pixels(data: bytes, preprocess: Preprocess) -> Pixels:
    """The usual way: decode everything, resize everything, crop the centre."""
    with Image.open(io.BytesIO(data)) as photo:
        image = photo.convert("RGB")
    if not isinstance(preprocess.resize, int):
        raise ValueError("only models that resize the shorter side are compared")
    side, scale = preprocess.width, preprocess.resize / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)))


def measure_large_photo(photos: Sequence[Path], repeats: int = 40) -> LargePhoto:
    """Both ways, alternating."""
    data = mosaic(photos)
    seconds: dict[Any, list[float]] = {naive_pixels: [], decoded_pixels: []}
    for _ in range(repeats):
        for decode, taken in seconds.items():
            began = time.perf_counter()
            decode(data, EFFICIENTNET_LITE0)
            taken.append(time.perf_counter() - began)
    return LargePhoto(len(data), *(statistics.median(taken) for taken in seconds.values()))


def _predict(artifact: Path, engine: Engine) -> Callable[[bytes], object]:
    receipt = read_receipt(artifact)
    writer = JsonWriter(read_labels(artifact, receipt))

    def predict(body: bytes) -> bytes:
        return writer.predictions(best_labels(softmax(engine.logits(decoded_pixels(body, receipt.preprocess))), TOP))

    return predict


def _rate_of_processes(artifact: Path, bodies: Sequence[bytes], seconds: float) -> float:
    """Photos per second of one process per core."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for number in range(cores()):
        ours, theirs = context.Pipe()
        arguments = artifact, [*bodies[number:], *bodies[:number]], seconds, theirs
        processes.append(context.Process(target=_process, args=arguments))
        processes[-1].start()
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("go")
    total: float = sum(pipe.recv() for pipe in pipes)
    for process in processes:
        process.join()
    return total


def _process(artifact: Path, bodies: Sequence[bytes], seconds: float, pipe: Connection) -> None:
    receipt = read_receipt(artifact)
    pipeline = Pipeline(partial(decoded_pixels, preprocess=receipt.preprocess), Network.load(artifact, receipt))

    def predict(body: bytes) -> bytes:
        return pipeline.predict(body, Parameters(TOP)).body

    _durations(predict, bodies, WARM_UP_SECONDS)
    pipe.send("ready")
    pipe.recv()
    began = time.perf_counter()
    pipe.send(len(_durations(predict, bodies, seconds)) / (time.perf_counter() - began))


def _durations(predict: Callable[[bytes], object], bodies: Sequence[bytes], seconds: float) -> list[float]:
    """The seconds of each of the calls that began within `seconds`."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        predict(bodies[len(taken) % len(bodies)])
        taken.append(time.perf_counter() - began)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bodies", type=Path, help="a file that lists photos, one path per line")
    parser.add_argument("--artifact", type=Path, help="the folder of one model's artifact")
    parser.add_argument("--engine", default="fp16", help="the artifact's precision")
    parser.add_argument("--seconds", type=float, default=9)
    options = parser.parse_args()
    photos = [Path(line) for line in options.bodies.read_text().splitlines()]
    if options.artifact:
        bodies = [photo.read_bytes() for photo in photos]
        print(json.dumps(asdict(measure_limit(options.artifact, options.engine, bodies, options.seconds))))
    else:
        print(json.dumps(asdict(measure_large_photo(photos))))


if __name__ == "__main__":
    main()
