"""The end of a deployment: what no recorded release uses any more is removed."""

from __future__ import annotations

import pytest

from deploy.recorded_state import KEPT_RELEASES
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_google_cloud.state import PROJECT

pytestmark = pytest.mark.integration

SECRET = f"projects/{PROJECT}/secrets/guichet-document/versions"


def test_configs_and_documents_are_kept_for_as_long_as_a_release_uses_them(deployment: Deployment) -> None:
    deployments = KEPT_RELEASES + 2
    for number in range(deployments):
        deployment.write_catalog("alpha", alpha=f"    description: version {number}\n")
        deployment.up()
    assert not deployment.plan()
    releases = deployment.session().recorded_state().releases
    assert len(releases) == KEPT_RELEASES
    resources = deployment.cloud.resources
    enabled = {
        name.rpartition("/")[2]
        for name in resources
        if name.startswith(SECRET) and resources[name]["state"] == "ENABLED"
    }
    assert enabled == {release.document for release in releases}
    configs = {name.rpartition("/")[2] for name in resources if "/configs/" in name}
    assert configs == {release.config for release in releases}
