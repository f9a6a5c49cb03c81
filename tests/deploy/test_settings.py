"""The settings and the names derived from them."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from deploy.errors import SettingsError
from deploy.plan.prerequisites import GATEWAY_REGIONS
from deploy.settings import DeploySettings, read_settings

CLOUD_RUN_REGIONS = """
africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2
asia-southeast1 asia-southeast2 australia-southeast1 australia-southeast2 europe-central2 europe-north1
europe-southwest1 europe-west1 europe-west12 me-central1 me-west1 northamerica-northeast1 northamerica-south1
southamerica-east1 southamerica-west1 us-central1 us-east1 us-south1 us-west1
"""


def test_the_project_is_gclouds_unless_told_and_the_rest_has_defaults() -> None:
    settings = read_settings({}, "my-project")
    assert (settings.project, settings.region, settings.repository) == ("my-project", "us-central1", "hw5-images")
    assert settings.models == ()
    assert read_settings({"PROJECT_ID": "another-one"}, "my-project").project == "another-one"


def test_an_option_goes_before_the_environment() -> None:
    environment = {"PROJECT_ID": "my-project", "MODELS": "a", "REGION": "europe-west1"}
    settings = read_settings(environment, MODELS="b,c d", REGION="")
    assert settings.models == ("b", "c", "d")
    assert settings.region == "europe-west1"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        pytest.param({}, "set PROJECT_ID, or run `gcloud config set project", id="no project"),
        pytest.param({"PROJECT_ID": "No!"}, "PROJECT_ID should be", id="project"),
        pytest.param({"PROJECT_ID": "my-project", "REGION": "us"}, "REGION should be a region", id="region"),
        pytest.param({"PROJECT_ID": "my-project", "REGION": "us-centrl1"}, "not 'us-centrl1'", id="misspelt region"),
        pytest.param({"PROJECT_ID": "my-project", "REPOSITORY": "A B"}, "REPOSITORY should be", id="repository"),
        pytest.param({"PROJECT_ID": "my-project", "PROOF_PATIENCE": "-1"}, "PROOF_PATIENCE should be", id="patience"),
    ],
)
def test_an_invalid_setting_is_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_settings(environment)


def test_every_region_of_cloud_run_is_accepted() -> None:
    for region in (*CLOUD_RUN_REGIONS.split(), *YAML(typ="safe", pure=True).load(GATEWAY_REGIONS)):
        assert read_settings({"REGION": region}, "my-project").region == region


@pytest.mark.parametrize(
    ("project", "account", "image"),
    [
        pytest.param(
            "my-project",
            "guichet-page@my-project.iam.gserviceaccount.com",
            "us-central1-docker.pkg.dev/my-project/hw5-images/guichet-page",
            id="plain",
        ),
        pytest.param(
            "example.com:my-project",
            "guichet-page@my-project.example.com.iam.gserviceaccount.com",
            "us-central1-docker.pkg.dev/example.com/my-project/hw5-images/guichet-page",
            id="of a domain",
        ),
    ],
)
def test_names_follow_from_the_project(project: str, account: str, image: str) -> None:
    settings = DeploySettings(project)
    assert settings.account("guichet-page") == account
    assert settings.image("page") == image
