"""The settings of a model service."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.classifier.settings import Settings, available_cpus
from services.environment import SettingsError

# As Kubernetes sets them for a Service named guichet-gateway.
SERVICE = {
    "GUICHET_GATEWAY_SERVICE_HOST": "10.96.0.7",
    "GUICHET_GATEWAY_SERVICE_PORT": "80",
    "GUICHET_GATEWAY_SERVICE_PORT_HTTP": "80",
    "GUICHET_GATEWAY_PORT": "tcp://10.96.0.7:80",
    "GUICHET_GATEWAY_PORT_80_TCP_ADDR": "10.96.0.7",
}


def test_the_variables_of_a_kubernetes_service_are_no_mistakes() -> None:
    assert Settings.read({"MODEL_NAME": "resnet18"} | SERVICE, 1).port == 8000
    with pytest.raises(SettingsError, match=r"^GUICHET_PORT: .*$"):
        Settings.read({"MODEL_NAME": "resnet18", "GUICHET_PORT": "80"} | SERVICE, 1)


@pytest.mark.parametrize(("quota", "cpus"), [("100000 100000", 1), ("150000 100000", 2), ("1000 100000", 1)])
def test_the_quota_of_a_container_limits_its_cpus(tmp_path: Path, quota: str, cpus: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert available_cpus(tmp_path / "cpu.max") == min(cpus, available_cpus(tmp_path / "missing"))


def test_without_a_quota_all_cpus_are_used(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert available_cpus(tmp_path / "cpu.max") == available_cpus(tmp_path / "missing") >= 1
