"""The admin port."""

from urllib.request import urlopen

import psutil
import pytest

from tests.gateway.running_gateway import SharedGateway

pytestmark = pytest.mark.integration


def test_it_has_prometheus_statistics_on_loopback_only(shared: SharedGateway) -> None:
    with urlopen(f"http://127.0.0.1:{shared.admin_port}/stats/prometheus", timeout=5) as response:
        statistics = response.read().decode()
    assert "envoy_http_downstream_rq_total" in statistics
    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="http_rose_test_80"}' in statistics
    [envoy] = psutil.Process(shared.gateway.process.pid).children(recursive=True)
    listening = {c.laddr for c in envoy.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    ports = {shared.gateway.port, shared.admin_port}
    assert {(address.ip, address.port) for address in listening} == {("127.0.0.1", port) for port in ports}
