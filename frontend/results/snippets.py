"""The current request as code to paste: curl, Python, Hugging Face's client."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from frontend.images.image import Image

KEY_VARIABLE = "API_KEY"


@dataclass(frozen=True)
class Request:
    """A prediction request; if `key` is None, the code reads the environment variable API_KEY."""

    gateway: str
    model: str
    image: Image
    top_k: int
    key: str | None

    @property
    def url(self) -> str:
        return f"{self.gateway}/v1/models/{self.model}/predict"


def curl(request: Request) -> str:
    """One curl command."""
    header = f'"x-api-key: ${KEY_VARIABLE}"' if request.key is None else shlex.quote(f"x-api-key: {request.key}")
    if request.image.url:
        body = json.dumps({"url": request.image.url}, ensure_ascii=False)
        data = f"-H 'content-type: application/json' --data {shlex.quote(body)}"
    else:
        data = f"--data-binary {shlex.quote('@' + _path(request.image))}"
    return f"curl -sS -H {header} {data} \\\n  {shlex.quote(f'{request.url}?top_k={request.top_k}')}"


def python(request: Request) -> str:
    """A script that uses requests."""
    if request.image.url:
        body = f"json={{{'url'!r}: {request.image.url!r}}}"
    else:
        body = f'data=open({_path(request.image)!r}, "rb")'
    return "\n".join(
        [
            *_imports(request, "import requests"),
            "response = requests.post(",
            f'    "{request.url}",',
            f'    params={{"top_k": {request.top_k}}},',
            f'    headers={{"x-api-key": {_key(request)}}},',
            f"    {body},",
            "    timeout=60,",
            ")",
            "response.raise_for_status()",
            "for prediction in response.json():",
            '    print(prediction["label"], f"{prediction[\'score\']:.1%}")',
        ]
    )


def hugging_face(request: Request) -> str:
    """A script that uses Hugging Face's InferenceClient."""
    image = request.image.url or _path(request.image)
    return "\n".join(
        [
            *_imports(request, "from huggingface_hub import InferenceClient"),
            f'client = InferenceClient(headers={{"x-api-key": {_key(request)}}})',
            "for prediction in client.image_classification(",
            f"    {image!r},",
            f'    model="{request.url}",',
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


def _path(image: Image) -> str:
    # curl reads a leading dash as an option or as standard input.
    return f"./{image.file_name}" if image.file_name.startswith("-") else image.file_name
