"""Callers of each protocol: plain HTTP as its documentation shows it, and the clients of client_calls.py."""

from __future__ import annotations

import base64
import json
import os
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from benchmarks.harness.process import ROOT

# An environment with the dependency group `clients`.
CLIENTS_PYTHON = Path(os.environ.get("CLIENTS_PYTHON", ROOT / ".venv-clients/bin/python"))
# What Vertex AI's client calls, and so what the platform could give the container.
VERTEX_ENDPOINT = "projects/p/locations/l/endpoints/1"
VERTEX_ROUTE = f"/v1/{VERTEX_ENDPOINT}:predict"


@dataclass(frozen=True)
class Outcome:
    """The labels of each image, best first; or the status and text of an error."""

    labels: list[list[str]] = field(default_factory=list)
    status: int = 200
    error: str = ""


# URL, model, images, headers.
Call = Callable[[str, str, list[bytes], dict[str, str]], Outcome]


def outcome(response: requests.Response, labels: Callable[[Any], list[list[str]]]) -> Outcome:
    if response.status_code != 200:
        # The gateway's own errors have a `message`.
        body = response.json()
        error = body.get("error", body.get("message"))
        return Outcome(status=response.status_code, error=error["message"] if isinstance(error, dict) else error)
    return Outcome(labels(response))


def encoded(images: list[bytes]) -> list[str]:
    return [base64.b64encode(image).decode() for image in images]


def instances(url: str, images: list[bytes], headers: dict[str, str]) -> Outcome:
    body = {"instances": [{"b64": image} for image in encoded(images)], "parameters": {"top_k": 2}}
    return outcome(
        requests.post(url, json=body, headers=headers, timeout=20),
        lambda response: [[best["label"] for best in one] for one in response.json()["predictions"]],
    )


def kserve_v1(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Outcome:
    return instances(f"{url}/v1/models/{model}:predict", images, headers)


def vertex(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Outcome:
    return instances(f"{url}{VERTEX_ROUTE}", images, headers)


def open_inference(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Outcome:
    """With JSON alone."""
    tensor = {"name": "image", "shape": [len(images)], "datatype": "BYTES", "data": encoded(images)}
    body = {"inputs": [tensor], "outputs": [{"name": "labels"}], "parameters": {"top_k": 2}}

    def labels(response: requests.Response) -> list[list[str]]:
        (output,) = response.json()["outputs"]
        size = output["shape"][1]
        return [output["data"][start : start + size] for start in range(0, len(output["data"]), size)]

    address = f"{url}/v2/models/{model}/infer"
    return outcome(requests.post(address, json=body, headers=headers, timeout=20), labels)


def sagemaker(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Outcome:
    (image,) = images
    headers = headers | {"Content-Type": "image/jpeg", "X-Amzn-SageMaker-Custom-Attributes": "top_k=2"}
    response = requests.post(f"{url}/invocations", data=image, headers=headers, timeout=20)
    return outcome(response, lambda response: [[best["label"] for best in response.json()]])


def torchserve(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Outcome:
    (image,) = images
    address = f"{url}/predictions/{model}?top_k=2"
    response = requests.post(address, files={"data": image}, headers=headers, timeout=20)
    return outcome(response, lambda response: [list(response.json())])


class Client:
    """A running client_calls.py."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [CLIENTS_PYTHON, Path(__file__).with_name("client_calls.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._result()

    def __call__(self, url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Outcome:
        assert self._process.stdin
        given = {"url": url, "model": model, "images": encoded(images), "headers": headers}
        print(json.dumps(given), file=self._process.stdin, flush=True)
        return Outcome(**self._result())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _result(self) -> dict[str, Any]:
        assert self._process.stdout
        result: dict[str, Any] = json.loads(self._process.stdout.readline())
        return result


PLAIN: dict[str, Call] = {
    "plain open-inference": open_inference,
    "plain kserve": kserve_v1,
    "plain vertex": vertex,
    "plain sagemaker": sagemaker,
    "plain torchserve": torchserve,
}
CLIENTS = ("tritonclient", "kserve-v2", "kserve-v1", "aiplatform", "sagemaker")
BATCH = ("plain open-inference", "plain kserve", "plain vertex", "tritonclient", "kserve-v2", "kserve-v1", "aiplatform")
NAMES_MODEL = ("plain open-inference", "plain kserve", "plain torchserve", "tritonclient", "kserve-v2", "kserve-v1")


def packed(images: list[bytes]) -> bytes:
    """Binary tensor data: each image after its length."""
    return b"".join(struct.pack("<I", len(image)) + image for image in images)
