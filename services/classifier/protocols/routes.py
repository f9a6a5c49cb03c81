"""The routes of each protocol. The module of a view is imported by its first request, because it would delay the start.

A view is called with the Predictor and the request.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from services.classifier.predict import Predictor
from services.classifier.settings import Settings
from services.http.application import Response, View
from services.http.request import Request

# Protocol -> method, path, module and name of the view.
ROUTES: Final = {
    "open-inference": (
        ("GET", "/v2", "open_inference", "server_metadata"),
        ("GET", "/v2/health/live", "health", "live"),
        ("GET", "/v2/health/ready", "health", "ready"),
        ("GET", "/v2/models/{model}", "open_inference", "model_metadata"),
        ("GET", "/v2/models/{model}/ready", "health", "ready"),
        ("POST", "/v2/models/{model}/infer", "open_inference", "infer"),
        ("GET", "/v2/models/{model}/versions/{version}", "open_inference", "model_metadata"),
        ("GET", "/v2/models/{model}/versions/{version}/ready", "health", "ready"),
        ("POST", "/v2/models/{model}/versions/{version}/infer", "open_inference", "infer"),
    ),
    "kserve": (
        ("GET", "/v1/models", "kserve_v1", "models"),
        ("GET", "/v1/models/{model}", "health", "ready"),
        ("POST", "/v1/models/{model}:predict", "kserve_v1", "predict"),
    ),
    "sagemaker": (
        ("GET", "/ping", "health", "ready"),
        ("POST", "/invocations", "sagemaker", "invocations"),
    ),
    "torchserve": (
        ("GET", "/ping", "health", "ready"),
        ("POST", "/predictions/{model}", "torchserve", "predict"),
        # Its documentation sends images by `curl -T`.
        ("PUT", "/predictions/{model}", "torchserve", "predict"),
    ),
    # Last: its paths are chosen by the platform, and replace those of others.
    "vertex": (
        ("GET", "{aip_health_route}", "health", "ready"),
        ("POST", "{aip_predict_route}", "vertex", "predict"),
    ),
}


def protocol_routes(settings: Settings, predictor: Predictor) -> dict[tuple[str, str], View]:
    """The views of the chosen protocols, by method and path; of Vertex AI, those whose paths the platform gives."""
    receipt = predictor.model.receipt
    views: dict[tuple[str, str], View] = {}
    for protocol, routes in ROUTES.items():
        if protocol in settings.protocols:
            for method, template, module, name in routes:
                path = template.format(
                    model=receipt.model,
                    version=receipt.version,
                    aip_health_route=settings.aip_health_route,
                    aip_predict_route=settings.aip_predict_route,
                )
                if path:
                    views[method, path] = _View(predictor, module, name)
                if path and method == "GET":
                    views["HEAD", path] = views[method, path]
    return views


class _View:
    """A view whose module is imported when it is first called."""

    def __init__(self, predictor: Predictor, module: str, name: str) -> None:
        self._predictor, self._module, self._name = predictor, module, name

    async def __call__(self, request: Request) -> Response:
        view = getattr(import_module(f"services.classifier.protocols.{self._module}"), self._name)
        response: Response = await view(self._predictor, request)
        return response
