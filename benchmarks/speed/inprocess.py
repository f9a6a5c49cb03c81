"""`python -m benchmarks.speed.inprocess ARTIFACT BODIES`: the services' own decoder and engine without HTTP, as JSON.

The ceiling is JPEG bytes to the five best labels on all cores at once, in the better of two ways: a process per core,
or threads in one process around one network with a stream per core. The time of one image is that of one after the
other.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from services.artifact import read_labels, read_receipt
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.engine import ONE_PROCESSOR, Engine
from services.classifier.predictions import JsonWriter, best_labels, softmax
from services.classifier.settings import available_cpus

WARM_SECONDS = 0.5
TOP = 5
Answer = Callable[[bytes], object]


@dataclass(frozen=True)
class InProcess:
    """Photos per second on all cores in either way, and the median seconds of one photo at a time, with their parts."""

    processes: float
    threads: float
    one: float
    one_decode: float
    one_infer: float
    precision: str

    @property
    def ceiling(self) -> float:
        """Photos per second, at best."""
        return max(self.processes, self.threads)


def measured(artifact: Path, bodies: list[bytes], seconds: float) -> InProcess:
    """All figures, a third of the time for each way."""
    each = seconds / 3
    # The processes first: a process in which OpenVINO's threads run must not be forked.
    processes = _by_processes(artifact, bodies, each)
    engine = Engine(artifact / "model.xml", streams=available_cpus())
    threads = _by_threads(_answer(artifact, engine), bodies, each)
    one, decode, infer = _one_by_one(artifact, engine, bodies, each)
    return InProcess(processes, threads, one, decode, infer, inference_precision(artifact))


def inference_precision(artifact: Path) -> str:
    """What OpenVINO computes a network's floating-point parts in on this processor: f32, bf16 or f16."""
    import openvino as ov

    compiled = ov.Core().compile_model(artifact / "model.xml", "CPU")
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").to_string())


def _answer(artifact: Path, engine: Engine) -> Answer:
    receipt = read_receipt(artifact)
    written = JsonWriter(read_labels(artifact, receipt)).predictions
    return lambda body: written(best_labels(softmax(engine.logits(decoded_pixels(body, receipt.preprocess))), TOP))


def _by_processes(artifact: Path, bodies: list[bytes], seconds: float) -> float:
    context = multiprocessing.get_context("spawn")
    workers, lines = [], []
    for number in range(available_cpus()):
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(artifact, bodies[number:] + bodies[:number], seconds, theirs))
        worker.start()
        workers.append(worker)
        lines.append(ours)
    for line in lines:
        line.recv()
    for line in lines:
        line.send("go")
    rate: float = sum(line.recv() for line in lines)
    for worker in workers:
        worker.join()
    return rate


def _work(artifact: Path, bodies: list[bytes], seconds: float, line: Connection) -> None:
    engine = Engine(artifact / "model.xml", streams=1, properties=ONE_PROCESSOR)
    answer = _answer(artifact, engine)
    _repeat(answer, bodies, WARM_SECONDS)
    line.send("ready")
    line.recv()
    line.send(_repeat(answer, bodies, seconds))


def _by_threads(answer: Answer, bodies: list[bytes], seconds: float) -> float:
    """With one thread more than cores, since each waits for Python's lock now and then."""
    _repeat(answer, bodies, WARM_SECONDS)
    rates: list[float] = []
    threads = [
        threading.Thread(target=lambda n=n: rates.append(_repeat(answer, bodies[n:] + bodies[:n], seconds)))
        for n in range(available_cpus() + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


def _repeat(answer: Answer, bodies: list[bytes], seconds: float) -> float:
    """Answers per second."""
    began = time.perf_counter()
    count = 0
    while (now := time.perf_counter()) < began + seconds:
        answer(bodies[count % len(bodies)])
        count += 1
    return count / (now - began)


def _one_by_one(artifact: Path, engine: Engine, bodies: list[bytes], seconds: float) -> tuple[float, float, float]:
    receipt = read_receipt(artifact)
    written = JsonWriter(read_labels(artifact, receipt)).predictions
    wholes: list[float] = []
    decodes: list[float] = []
    infers: list[float] = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        pixels = decoded_pixels(bodies[len(wholes) % len(bodies)], receipt.preprocess)
        decoded = time.perf_counter()
        logits = engine.logits(pixels)
        inferred = time.perf_counter()
        written(best_labels(softmax(logits), TOP))
        wholes.append(time.perf_counter() - began)
        decodes.append(decoded - began)
        infers.append(inferred - decoded)
    return statistics.median(wholes), statistics.median(decodes), statistics.median(infers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path, help="the folder of one model's artifact")
    parser.add_argument("bodies", type=Path, help="a file that lists photos, a path to a line")
    parser.add_argument("--seconds", type=float, default=9)
    wanted = parser.parse_args()
    bodies = [Path(line).read_bytes() for line in wanted.bodies.read_text().splitlines()]
    json.dump(asdict(measured(wanted.artifact, bodies, wanted.seconds)), sys.stdout)


if __name__ == "__main__":
    main()
