"""Large documents. The figures that a person would quote are measured by `python -m benchmarks.gateway`."""

import time
from pathlib import Path

import psutil
import yaml

from gateway.check import checked
from gateway.local import Key, Local
from gateway.process import Envoy, envoy_binary
from gateway.routes import built, origin
from tests.gateway.asking import ask
from tests.gateway.echo import Echo
from tests.gateway.serving import API_KEY, document, operation
from tests.running import free_port

OPERATIONS = 1000


def test_a_thousand_operations_over_a_thousand_backends(tmp_path: Path, rose: Echo) -> None:
    names = [f"b{i}.test" for i in range(OPERATIONS)]
    paths = {
        f"/v1/{name}/{{id}}": {
            "get": operation(f"http://{name}/answer", "CONSTANT_ADDRESS", key=True),
            "parameters": [{"in": "path", "name": "id", "type": "string", "required": True}],
        }
        for name in names
    }
    path = tmp_path / "thousand.yaml"
    path.write_text(yaml.safe_dump(document(paths, securityDefinitions=API_KEY), sort_keys=False))
    began = time.process_time()
    found = checked(path)
    api = built(found.document.data)
    local = Local(
        free_port(), (Key("k", "1"),), elsewhere={origin(f"http://{name}"): origin(rose.url) for name in names}
    )
    envoy = Envoy(envoy_binary(), api, local)
    # Half a second on a quiet machine.
    assert time.process_time() - began < 3
    assert found.problems == ()
    with envoy:
        envoy.start()
        for name in (names[0], names[-1]):
            answer = ask(local.port, f"GET /v1/{name}/7?key=k")
            assert answer.json["path"] == "/answer?key=k&id=7"
            assert answer.json["headers"]["host"] == name
        [process] = [child for child in psutil.Process().children() if str(envoy.folder) in " ".join(child.cmdline())]
        assert process.memory_info().rss < 300 * 2**20
