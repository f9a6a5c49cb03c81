"""`python -m tests.services.fake_model_service`: the real service around a model that tests control.

An "image" is a line of words: `NAME`, `NAME hold` (predicted once the file NAME.go is in the folder FAKE_MODEL),
`NAME sleep SECONDS`, `NAME nan`, `NAME memory`, or `NAME bug`. The names of the predicted images are written to
FAKE_MODEL/journal, one per line. FAKE_LIMITS contains the server's limits as JSON, FAKE_FILES the limit on open files.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import resource
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvloop

from services.classifier.app import create_app
from services.classifier.prediction import Prediction
from services.classifier.problems import ImageUnsupported, ModelOutputInvalid
from services.classifier.settings import Settings
from services.http.limits import Limits
from services.http.server import Server, listening_socket
from services.process import open_standard_streams


class FakeModel:
    """Does what each "image" says."""

    receipt = SimpleNamespace(model="fake", version="0", labels=6, scores="softmax")
    healthy = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def predict(self, image: bytes, parameters: Any) -> Prediction:
        """As ServedModel.predict."""
        name, verb, *words = [*image.decode("ascii", "replace").split(), "predict"][:3]
        if not name.isalnum():
            raise ImageUnsupported("The body is not a line of words.")
        with (self._folder / "journal").open("a") as journal:
            journal.write(f"{name}\n")
        began = time.perf_counter()
        if verb == "hold":
            while not (self._folder / f"{name}.go").exists():
                await asyncio.sleep(0.005)
        elif verb == "sleep":
            await asyncio.sleep(float(words[0]))
        elif verb == "nan":
            raise ModelOutputInvalid("The model gave no valid scores for this image.")
        elif verb == "memory":
            raise MemoryError
        elif verb == "bug":
            raise KeyError(image)
        body = json.dumps([{"label": name, "score": 1.0}]).encode()
        return Prediction(body, infer=time.perf_counter() - began)


def main() -> None:
    open_standard_streams()
    variables = dict(os.environ)
    folder = Path(variables.pop("FAKE_MODEL"))
    if files := variables.pop("FAKE_FILES", ""):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), int(files)))
    limits = Limits(**json.loads(variables.pop("FAKE_LIMITS", "{}")))
    settings = Settings.read(variables, 1)
    limits = dataclasses.replace(limits, body=settings.max_body)
    listener = listening_socket(settings.host, settings.port)
    app = create_app(settings, FakeModel(folder), limits)  # type: ignore[arg-type]  # has all that is used
    uvloop.run(Server(app, limits).serve([listener]))


if __name__ == "__main__":
    main()
