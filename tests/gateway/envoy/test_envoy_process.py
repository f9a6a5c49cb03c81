"""The Envoy process: many operations, and changes while it serves requests."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from benchmarks.harness.process import free_port
from gateway.api import Api, build_api, read_api
from gateway.api_keys import Key, no_keys
from gateway.commands.check import check_document
from gateway.envoy.envoy_process import Envoy, envoy_binary
from gateway.envoy.messages import Message
from gateway.origin import origin
from gateway.runtime import AddressPrefix, Runtime, Target
from tests.gateway.documents import API_KEY, backend, document, one_path, operation, parameter
from tests.gateway.echo_backend import Echo
from tests.gateway.http_client import send

pytestmark = pytest.mark.integration

OPERATIONS = 1000


def test_a_thousand_operations_with_a_thousand_backends(tmp_path: Path, rose: Echo) -> None:
    """An upper bound only; `python -m benchmarks.gateway` measures."""
    names = [f"b{i}.test" for i in range(OPERATIONS)]
    paths = {
        f"/v1/{name}/{{id}}": {
            "get": operation(f"http://{name}/item", "CONSTANT_ADDRESS", key=True),
            "parameters": [parameter("id")],
        }
        for name in names
    }
    path = tmp_path / "thousand.yaml"
    path.write_text(yaml.safe_dump(document(paths, securityDefinitions=API_KEY), sort_keys=False))
    started = time.process_time()
    checked = check_document(path)
    api = build_api(checked.document.data)
    overrides = {AddressPrefix(origin(f"http://{name}")): Target(origin(rose.url)) for name in names}
    runtime = Runtime(free_port(), (Key("k", "1"),), backend_overrides=overrides)
    envoy = Envoy(envoy_binary(), api, runtime)
    # It takes half a second on an idle machine.
    assert time.process_time() - started < 3
    assert checked.diagnostics == ()
    with envoy:
        envoy.start()
        for name in (names[0], names[-1]):
            response = send(runtime.port, f"GET /v1/{name}/7?key=k")
            assert response.json["path"] == "/item?key=k&id=7"
            assert response.json["headers"]["host"] == name
        # Other tests' processes may have ended without being waited for; they have no command line.
        running = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
        [process] = [child for child in running if str(envoy.folder) in " ".join(child.cmdline())]
        assert process.memory_info().rss < 300 * 2**20


def test_new_id_tokens_replace_the_former_ones(rose: Echo) -> None:
    fields = {"x-google-backend": backend(rose.url, disable_auth=False, jwt_audience="me")}
    api = read_api(document({"/x": {"get": fields}}))
    runtime = Runtime(free_port(), no_keys(), id_tokens={"me": "first"})
    with Envoy(envoy_binary(), api, runtime) as envoy:
        envoy.start()
        assert send(runtime.port, "GET /x").json["headers"]["authorization"] == "Bearer first"
        envoy.change(api, replace(runtime, id_tokens={"me": "second"}))
        assert send(runtime.port, "GET /x").json["headers"]["authorization"] == "Bearer second"


def apis(count: int, rose: Echo) -> tuple[list[Api], Runtime]:
    """The same path with a different backend in each; all of them are `rose`."""
    urls = [f"http://backend-{number}.test" for number in range(count)]
    overrides = {AddressPrefix(origin(url)): Target(origin(rose.url)) for url in urls}
    return [read_api(one_path(url)) for url in urls], Runtime(free_port(), no_keys(), backend_overrides=overrides)


def test_a_removed_backend_is_kept_until_the_next_change(rose: Echo) -> None:
    (first, second, third), runtime = apis(3, rose)

    def names(envoy: Envoy) -> list[Any]:
        written = json.loads((envoy.folder / "clusters.json").read_text())
        return [cluster["name"] for cluster in written["resources"]]

    with Envoy(envoy_binary(), first, runtime) as envoy:
        envoy.start()
        envoy.change(second, runtime)
        assert names(envoy) == ["http://backend-0.test:80", "http://backend-1.test:80"]
        envoy.change(third, runtime)
        assert names(envoy) == ["http://backend-1.test:80", "http://backend-2.test:80"]


class SendsBetweenSteps(Envoy):
    """Sends a request whenever Envoy has accepted one of the files of a change."""

    def __init__(self, api: Api, runtime: Runtime) -> None:
        super().__init__(envoy_binary(), api, runtime)
        self.port = runtime.port
        self.statuses: list[int] = []

    def _replace(self, name: str, content: Message, subscription: str) -> None:
        super()._replace(name, content, subscription)
        self.statuses.append(send(self.port, "GET /x").status)


def test_requests_succeed_between_the_steps_of_a_change(rose: Echo) -> None:
    """If the former clusters were removed at once, requests would get 503 until Envoy has the new routes."""
    (first, second, third), runtime = apis(3, rose)
    with SendsBetweenSteps(first, runtime) as envoy:
        envoy.start()
        envoy.change(second, runtime)
        envoy.change(third, runtime)
        assert envoy.statuses == [200, 200, 200, 200]
