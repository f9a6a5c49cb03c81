"""The same question from a program: three ways to ask, ready to paste. Pure."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from frontend.images.image import Picture

KEY_VARIABLE = "API_KEY"


@dataclass(frozen=True)
class Request:
    """What is asked: the gateway's address, the model, the picture; `key` None stands for a variable of the shell."""

    gateway: str
    model: str
    picture: Picture
    top_k: int
    key: str | None

    @property
    def route(self) -> str:
        return f"{self.gateway}/v1/models/{self.model}"


def curl(request: Request) -> str:
    """One curl command."""
    header = f'"x-api-key: ${KEY_VARIABLE}"' if request.key is None else shlex.quote(f"x-api-key: {request.key}")
    if request.picture.url:
        body = json.dumps({"url": request.picture.url}, ensure_ascii=False)
        sends = f"-H 'content-type: application/json' --data {shlex.quote(body)}"
    else:
        sends = f"--data-binary {shlex.quote('@' + _path(request.picture))}"
    return f"curl -sS -H {header} {sends} \\\n  {shlex.quote(f'{request.route}/predict?top_k={request.top_k}')}"


def python(request: Request) -> str:
    """A few lines with requests."""
    if request.picture.url:
        sends = f"json={{{'url'!r}: {request.picture.url!r}}}"
    else:
        sends = f'data=open({_path(request.picture)!r}, "rb")'
    return "\n".join(
        [
            *_imports(request, "import requests"),
            "answer = requests.post(",
            f'    "{request.route}/predict",',
            f'    params={{"top_k": {request.top_k}}},',
            f'    headers={{"x-api-key": {_key(request)}}},',
            f"    {sends},",
            "    timeout=60,",
            ")",
            "answer.raise_for_status()",
            "for prediction in answer.json():",
            '    print(prediction["label"], f"{prediction[\'score\']:.1%}")',
        ]
    )


def hugging_face(request: Request) -> str:
    """Hugging Face's own client, unmodified."""
    picture = request.picture.url or _path(request.picture)
    return "\n".join(
        [
            *_imports(request, "from huggingface_hub import InferenceClient"),
            f'client = InferenceClient(headers={{"x-api-key": {_key(request)}}})',
            "for prediction in client.image_classification(",
            f"    {picture!r},",
            f'    model="{request.route}/predict",',
            f"    top_k={request.top_k},",
            "):",
            '    print(prediction.label, f"{prediction.score:.1%}")',
        ]
    )


def _imports(request: Request, line: str) -> list[str]:
    lines = [line, ""]
    return ["import os", "", *lines] if request.key is None else lines


def _key(request: Request) -> str:
    return f'os.environ["{KEY_VARIABLE}"]' if request.key is None else json.dumps(request.key)


def _path(picture: Picture) -> str:
    # A bare dash would mean the standard input.
    return f"./{picture.name}" if picture.name.startswith("-") else picture.name
