"""The admin port."""

from http.client import HTTPConnection
from urllib.request import urlopen

import psutil
import pytest

from tests.gateway.running_gateway import SharedGateway

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("line", "host", "status"),
    [
        pytest.param("GET /ready", None, 200, id="readiness"),
        pytest.param("GET /id-tokens/jwks.json", "localhost", 200, id="key-set"),
        pytest.param("POST /stats/prometheus", None, 404, id="not-get"),
        pytest.param("GET /config_dump", None, 404, id="configuration"),
        pytest.param("POST /quitquitquit", None, 404, id="end-the-gateway"),
        pytest.param("GET /ready", "evil.test", 404, id="another-host"),
    ],
)
def test_it_shows_only_what_reveals_and_changes_nothing(
    shared: SharedGateway, line: str, host: str | None, status: int
) -> None:
    headers = {"host": host} if host else {"host": f"127.0.0.1:{shared.admin_port}"}
    connection = HTTPConnection("127.0.0.1", shared.admin_port, timeout=5)
    method, _, path = line.partition(" ")
    connection.request(method, path, headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_it_has_prometheus_statistics_on_loopback_only(shared: SharedGateway) -> None:
    with urlopen(f"http://127.0.0.1:{shared.admin_port}/stats/prometheus", timeout=5) as response:
        statistics = response.read().decode()
    assert "envoy_http_downstream_rq_total" in statistics
    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="http_rose_test_80"}' in statistics
    [envoy] = psutil.Process(shared.gateway.process.pid).children(recursive=True)
    listening = {c.laddr for c in envoy.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    ports = {shared.gateway.port, shared.admin_port}
    assert {(address.ip, address.port) for address in listening} == {("127.0.0.1", port) for port in ports}
