"""The doctor's findings and remedies."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.cloud.api_gateway_client import ApiGatewayClient, GcloudConfig
from deploy.cloud.gcloud import Gcloud, Output, Run
from deploy.report import doctor as doctor_module
from deploy.report.doctor import Doctor, Finding, fixes
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_google_cloud.state import NUMBER, OVERRIDDEN, PROJECT, Cloud, Fault

pytestmark = pytest.mark.integration


ACCOUNT = f"{NUMBER}-compute@developer.gserviceaccount.com"


@dataclass
class CannedOutputs:
    """The fake gcloud with canned outputs for commands with these prefixes."""

    run: Run
    answers: dict[str, Any]

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> Output:
        for begin, answer in self.answers.items():
            if " ".join(argv).startswith(begin):
                return answer if isinstance(answer, Output) else Output(0, json.dumps(answer), "")
        return self.run(argv, stdin)


def examine(deployment: Deployment, answers: dict[str, Any] | None = None, *, anonymous: bool = True) -> list[Finding]:
    """The doctor's findings."""
    endpoints = dict.fromkeys(OVERRIDDEN, f"http://{deployment.cloud.address}/")
    config = GcloudConfig(PROJECT, "me@example.com", anonymous, endpoints)
    gcloud = Gcloud(CannedOutputs(deployment.run, answers or {}), PROJECT, sleep=lambda _: None)
    return Doctor(deployment.settings, gcloud, config, ApiGatewayClient(deployment.settings, gcloud, config)).examine()


def missing(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.what, finding.remedy) for finding in findings if finding.verdict == "missing"]


def test_in_an_empty_project_apis_and_repository_are_missing_and_fixable(deployment: Deployment) -> None:
    findings = examine(deployment)
    lacking = [finding for finding in findings if finding.verdict == "missing"]
    assert all(finding.fix for finding in lacking)
    assert [finding.remedy for finding in lacking] == [
        "gcloud services enable apigateway.googleapis.com apikeys.googleapis.com artifactregistry.googleapis.com"
        " cloudbuild.googleapis.com iam.googleapis.com run.googleapis.com secretmanager.googleapis.com"
        f" servicecontrol.googleapis.com --project={PROJECT}",
        "gcloud artifacts repositories create hw5-images --location=us-central1 --repository-format=docker"
        f" --project={PROJECT}",
    ]


def test_fix_creates_and_records_what_is_missing(deployment: Deployment) -> None:
    session = deployment.session()
    with session.deliverables.held("doctor --fix"):
        deployment.carry_out(session, fixes(examine(deployment)))
        # The account that builds run as can be read once their API is enabled.
        findings = examine(deployment)
        assert [finding.what for finding in findings if finding.fix] == [
            f"builds run as {ACCOUNT}, which lacks roles/cloudbuild.builds.builder"
        ]
        deployment.carry_out(session, fixes(findings))
    assert missing(examine(deployment)) == []
    assert f"role roles/cloudbuild.builds.builder of serviceAccount:{ACCOUNT}" in deployment.recorded.created
    assert "repository hw5-images" in deployment.recorded.created
    assert "enabled API run.googleapis.com" in deployment.recorded.created


@pytest.mark.parametrize(
    ("answers", "what", "remedy"),
    [
        pytest.param(
            {"gcloud version": {"Google Cloud SDK": "400.0.0"}},
            "gcloud 400.0.0 is too old: 456 or newer is required",
            "gcloud components update",
            id="an old gcloud",
        ),
        pytest.param(
            {"gcloud auth list": []},
            "no account is signed in",
            "gcloud auth login",
            id="nobody signed in",
        ),
        pytest.param(
            {"gcloud projects describe": Output(1, "", "ERROR: (x) does not have permission")},
            f"project {PROJECT} does not exist, or this account cannot access it",
            f"gcloud projects list  # set PROJECT_ID to one of them, or: gcloud projects create {PROJECT}",
            id="no project",
        ),
        pytest.param(
            {"gcloud projects describe": {"projectNumber": "1", "lifecycleState": "DELETE_REQUESTED"}},
            f"project {PROJECT} is being deleted",
            f"gcloud projects undelete {PROJECT}",
            id="a project on its way out",
        ),
        pytest.param(
            {"gcloud billing": Output(0, "False\n", "")},
            f"project {PROJECT} has no billing account",
            f"gcloud billing projects link {PROJECT} --billing-account=$(gcloud billing accounts list"
            f" --format='value(name)'"
            " --limit=1)",
            id="no billing",
        ),
    ],
)
def test_each_missing_prerequisite_has_a_remedy(
    deployment: Deployment, answers: dict[str, Any], what: str, remedy: str
) -> None:
    accounts = {
        "gcloud auth list": [{"account": "me@example.com"}],
        "gcloud auth print-access-token": Output(0, "t", ""),
    }
    assert (what, remedy) in missing(examine(deployment, accounts | answers, anonymous=False))


def test_without_an_account_only_the_account_is_missing(deployment: Deployment) -> None:
    findings = examine(deployment, {"gcloud auth list": []}, anonymous=False)
    assert missing(findings) == [("no account is signed in", "gcloud auth login")]
    later = [finding.what for finding in findings if finding.verdict == "unclear"]
    assert "checked once somebody is signed in: billing" in later
    assert len(later) >= 6


def test_nothing_is_asked_about_a_project_that_cannot_be_used(deployment: Deployment) -> None:
    denied = Output(1, "", "ERROR: (x) PERMISSION_DENIED: Permission denied on resource project x.")
    findings = examine(deployment, {"gcloud projects describe": denied})
    assert [finding.what for finding in findings if finding.verdict == "unclear"][:2] == [
        "checked once the project can be used: billing",
        "checked once the project can be used: the APIs, the repository and the gateway's region",
    ]


def test_a_project_that_cannot_be_described_is_checked_nevertheless(deployment: Deployment) -> None:
    off = Output(
        1, "", "ERROR: (x) Cloud Resource Manager API has not been used in project 1 before or it is disabled."
    )
    findings = examine(deployment, {"gcloud projects describe": off})
    assert any(finding.what.startswith("cannot read the project: ") for finding in findings)
    assert any(finding.what.startswith("APIs are not enabled") for finding in findings)


def test_no_response_of_google_is_shown_as_json(deployment: Deployment) -> None:
    deployment.cloud.faults = [Fault("POST", ":testIamPermissions$", status=403, message="The caller may not.")]
    (said,) = [finding.what for finding in examine(deployment) if "the account's permissions" in finding.what]
    assert said.startswith(
        "cannot check the account's permissions: The permissions of the account cannot be read: PERMISSION_DENIED:"
        " The caller may not. Ask an owner"
    )
    assert "{" not in said


def test_an_unreachable_api_is_reported_in_a_sentence(deployment: Deployment) -> None:
    deployment.cloud.faults = [Fault("POST", ":testIamPermissions$", drop=True)]
    assert any("Google did not respond. Google is overloaded" in finding.what for finding in examine(deployment))


def test_a_region_without_api_gateway_is_reported_with_those_that_have_it(deployment: Deployment) -> None:
    deployment.region = "europe-north1"
    for api in ("apigateway", "artifactregistry"):
        deployment.cloud.enable(f"{api}.googleapis.com")
    assert (
        "europe-north1 does not offer API Gateway; these do: asia-northeast1, europe-west1, us-central1, us-east1",
        "make doctor GATEWAY_REGION=…",
    ) in missing(examine(deployment))


def test_a_repository_of_another_format_is_reported(deployment: Deployment) -> None:
    deployment.cloud.enable("artifactregistry.googleapis.com")
    name = f"projects/{PROJECT}/locations/us-central1/repositories/hw5-images"
    deployment.cloud.resources[name] = {"name": name, "format": "PYTHON"}
    assert "repository hw5-images has the format python, not docker" in [
        what for what, _ in missing(examine(deployment))
    ]


def test_each_missing_permission_is_reported_with_its_role(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.deploy.fake_google_cloud import projects, routing

    def none(cloud: Cloud, request: routing.Request, name: str, verb: str) -> routing.Response:
        return {"permissions": ["run.services.setIamPolicy"]}

    # Google's emulated answer is "all of them"; here an account that has but one.
    kept = [route for route in routing.ROUTES if route.handler is not projects.policy]
    monkeypatch.setattr(routing, "ROUTES", kept)
    routing.route("", "POST", r"v1/(?P<name>projects/[^:]+):(?P<verb>testIamPermissions)")(none)
    remedies = dict(missing(examine(deployment)))
    assert remedies["the account lacks apigateway.gateways.create"] == (
        f"gcloud projects add-iam-policy-binding {PROJECT} --member=user:me@example.com --role=roles/apigateway.admin"
    )
    assert "the account lacks run.services.setIamPolicy" not in remedies


def test_a_port_in_use_does_not_prevent_a_deployment(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(doctor_module, "LOCAL_PORTS", {"GATEWAY_PORT": port})
        found = next(finding for finding in examine(deployment) if "port" in finding.what)
    assert found == Finding("unclear", f"port {port} is in use, for `make run`", f"make run GATEWAY_PORT={port + 1}")


def test_unreadable_billing_does_not_prevent_a_deployment(deployment: Deployment) -> None:
    findings = examine(deployment, {"gcloud billing": Output(1, "", "ERROR: (x) PERMISSION_DENIED: no")})
    unclear = [finding.what for finding in findings if finding.verdict == "unclear"]
    assert "cannot read whether billing is enabled" in unclear


def test_the_region_is_checked_before_the_api_is_enabled(deployment: Deployment) -> None:
    deployment.region = "europe-north1"
    assert [remedy for what, remedy in missing(examine(deployment)) if what.startswith("europe-north1")] == [
        "make doctor GATEWAY_REGION=…"
    ]


def test_a_check_that_fails_hides_no_other(deployment: Deployment) -> None:
    denied = Output(1, "", "ERROR: (x) PERMISSION_DENIED: no")
    findings = examine(deployment, {"gcloud services list": denied, "gcloud projects get-iam-policy": denied})
    unclear = [finding.what for finding in findings if finding.verdict == "unclear"]
    assert any(what.startswith("cannot check the APIs, the repository and the gateway's region: ") for what in unclear)
    assert any(finding.what.startswith("the account has the") for finding in findings)


def test_an_organisation_that_forbids_a_public_page_is_found(deployment: Deployment) -> None:
    deployment.cloud.forbidden = frozenset({"run.managed.requireInvokerIam"})
    assert ("make deploy PAGE_ACCESS=private  # or iap") in [remedy for _, remedy in missing(examine(deployment))]
    deployment.page_access = "private"
    assert not [what for what, _ in missing(examine(deployment)) if "page" in what]
