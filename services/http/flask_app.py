"""A Flask application that raises its errors, so that `Application` sends them as problem+json."""

from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from services.http.request_log import preflight_headers
from services.problems import Problem, method_not_allowed


def new_flask_app(name: str) -> Flask:
    """A Flask application with `/metrics`; the caller adds its routes."""
    app = Flask(name, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    # Flask would redirect `//predict` to a URL with the Host that the caller sent.
    app.url_map.merge_slashes = False

    @app.before_request
    def _begin() -> Response | None:
        if request.url_rule is None:
            return None
        request.environ["asgi.scope"]["state"]["record"].route = request.url_rule.rule
        # Werkzeug ignores the second slash; a proxy in front does not.
        if request.environ["PATH_INFO"].startswith("//"):
            raise NotFound
        return _preflight() if request.method == "OPTIONS" else None

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.errorhandler(HTTPException)
    def _raise(error: HTTPException) -> NoReturn:
        if isinstance(error, MethodNotAllowed):
            raise method_not_allowed(error.valid_methods or [])
        status = HTTPStatus(error.code or 500)
        problem = Problem("No such path." if isinstance(error, NotFound) else status.description or status.phrase)
        problem.status, problem.code = status, status.name.lower()
        raise problem

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return app


def _preflight() -> Response:
    """The response to a browser's CORS preflight request, with the route's methods."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    for name, value in preflight_headers(request.url_rule.methods or []):  # type: ignore[union-attr]  # asked before
        response.headers[name.decode()] = value.decode()
    return response
