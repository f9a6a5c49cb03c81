"""The access log on standard output."""

from typing import Any

import pytest

from benchmarks.harness.process import wait_for
from tests.gateway.running_gateway import SharedGateway

pytestmark = pytest.mark.integration


def test_there_is_a_json_line_for_each_request_without_secrets(shared: SharedGateway) -> None:
    secret = shared.gardeners.token()
    shared.send(f"GET /both?access_token={secret}&key=good&mark=1", {"user-agent": "log-test"})
    shared.send("GET /nope?key=good", {"user-agent": "log-test"})

    def logged() -> list[dict[str, Any]]:
        return [entry for entry in shared.gateway.log if entry["user_agent"] == "log-test"]

    wait_for(lambda: len(logged()) == 2, 20, "the log")
    forwarded, unknown = sorted(logged(), key=lambda entry: entry["status"])
    assert forwarded["path"] == "/both"
    assert (forwarded["operation"], forwarded["method"], forwarded["consumer"]) == ("both", "GET", "1111")
    assert forwarded["backend"] == "http://tulip.test:80"
    assert forwarded["request_id"]
    assert (unknown["status"], unknown["path"], unknown["details"]) == (404, "/nope", "route_not_found")
    output = shared.gateway.lines + shared.gateway.errors
    assert not [line for line in output if secret in line or "key=" in line]
