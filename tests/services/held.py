"""`python -m tests.services.held`: the real service around a model that tests can hold.

The "image" is a line of words: `NAME`, `NAME hold` (answered once the file NAME.go is in the folder HELD), `NAME sleep
SECONDS`, `NAME nan`, or `NAME memory`. What the model was asked is in HELD/journal, one name per line.
HELD_BOUNDS holds the server's bounds as JSON, HELD_FILES how many files the processes may have open.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from services.classifier.answer import Answer
from services.classifier.app import create_app
from services.classifier.problems import ImageUnsupported, ModelOutputInvalid
from services.classifier.settings import Settings
from services.web.connection import Bounds
from services.web.direct import Direct
from services.web.loop import Loop
from services.web.server import listening_socket, serve


class HeldModel:
    """Does with each "image" what it says, and nothing else."""

    receipt = SimpleNamespace(model="held", version="0", labels=6)
    healthy = True

    def __init__(self, folder: Path, loop: Loop) -> None:
        self._folder, self._loop = folder, loop
        self._lock = threading.Lock()
        self._never = threading.Event()

    async def answer(self, image: bytes, parameters: Any) -> Answer:
        return await self._loop.elsewhere(partial(self._answer, image))

    def _answer(self, image: bytes) -> Answer:
        name, verb, *words = [*image.decode("ascii", "replace").split(), "answer"][:3]
        if not name.isalnum():
            raise ImageUnsupported("The body is not a line of words.")
        with self._lock, (self._folder / "journal").open("a") as journal:
            journal.write(f"{name}\n")
        began = time.perf_counter()
        if verb == "hold":
            while not (self._folder / f"{name}.go").exists():
                self._never.wait(0.005)
        elif verb == "sleep":
            self._never.wait(float(words[0]))
        elif verb == "nan":
            raise ModelOutputInvalid("The model gave no valid scores for this image.")
        elif verb == "memory":
            raise MemoryError
        elif verb == "bug":
            raise KeyError(image)
        body = json.dumps([{"label": name, "score": 1.0}]).encode()
        return Answer(body, infer=time.perf_counter() - began)


def main() -> None:
    variables = dict(os.environ)
    folder = Path(variables.pop("HELD"))
    if files := variables.pop("HELD_FILES", ""):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), int(files)))
    bounds = Bounds(**json.loads(variables.pop("HELD_BOUNDS", "{}")))
    settings = Settings.read(variables, 1)
    bounds = dataclasses.replace(bounds, body=settings.max_body)
    listener = listening_socket(settings.host, settings.port)
    serve(partial(app, settings, folder), listener, settings.concurrency + 8, bounds)


def app(settings: Settings, folder: Path, loop: Loop) -> Direct:
    return create_app(settings, HeldModel(folder, loop), loop)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
