"""The command lines."""

from __future__ import annotations

import shlex

import pytest

from deploy.cloud.commands import Argv, Commands
from deploy.report.script import shell_line
from deploy.settings import DeploySettings

COMMANDS = Commands(DeploySettings("my-project", region="europe-west1"))
SHOWN = "value(status.url,status.latestReadyRevisionName,metadata.generation)"

LINES = [
    (COMMANDS.list_enabled(), "gcloud services list --enabled"),
    (COMMANDS.list_repositories(), "gcloud artifacts repositories list --location=europe-west1"),
    (COMMANDS.list_accounts(), "gcloud iam service-accounts list"),
    (COMMANDS.list_services(), "gcloud run services list --region=europe-west1"),
    (COMMANDS.list_revisions(), "gcloud run revisions list --region=europe-west1"),
    (COMMANDS.list_secrets(), "gcloud secrets list"),
    (COMMANDS.list_versions("s"), "gcloud secrets versions list s"),
    (COMMANDS.list_keys(), "gcloud services api-keys list --show-deleted"),
    (COMMANDS.list_builds(50), "gcloud builds list --limit=50"),
    (COMMANDS.describe_service("x"), "gcloud run services describe x --region=europe-west1"),
    (COMMANDS.describe_build("b"), "gcloud builds describe b"),
    (COMMANDS.build_log("b"), "gcloud builds log b"),
    (COMMANDS.read_secret("s"), "gcloud secrets versions access latest --secret=s"),
    (COMMANDS.read_logs("x", 9), "gcloud logging read x --limit=9 --order=desc --freshness=30d"),
    (COMMANDS.enable(["a", "b"]), "gcloud services enable a b"),
    (
        COMMANDS.create_repository(),
        "gcloud artifacts repositories create hw5-images --location=europe-west1 --repository-format=docker",
    ),
    (COMMANDS.create_account("a", "why so"), "gcloud iam service-accounts create a '--display-name=why so'"),
    (
        COMMANDS.submit("f.yaml", {"_A": "1", "_B": "2"}, "gs://b/x"),
        "gcloud builds submit . --async --config=f.yaml --substitutions=_A=1,_B=2 --gcs-source-staging-dir=gs://b/x"
        " '--format=value(id,logUrl)'",
    ),
    (
        COMMANDS.replace_service("f.json"),
        f"gcloud run services replace f.json --region=europe-west1 '--format={SHOWN}'",
    ),
    (
        COMMANDS.send_traffic("x", "--to-revisions=x-1=100"),
        "gcloud run services update-traffic x --region=europe-west1 --to-revisions=x-1=100 --format=none",
    ),
    (
        COMMANDS.allow_calls("x", "allUsers"),
        "gcloud run services add-iam-policy-binding x --region=europe-west1 --member=allUsers --role=roles/run.invoker"
        " --format=none",
    ),
    (COMMANDS.create_secret("s"), "gcloud secrets create s --replication-policy=automatic"),
    (COMMANDS.add_version("s"), "gcloud secrets versions add s --data-file=- '--format=value(name.basename())'"),
    (
        COMMANDS.allow_reading("s", "m"),
        "gcloud secrets add-iam-policy-binding s --member=m --role=roles/secretmanager.secretAccessor --format=none",
    ),
    (COMMANDS.create_api(), "gcloud api-gateway apis create guichet"),
    (
        COMMANDS.create_config("c", "d.json", "a@b"),
        "gcloud api-gateway api-configs create c --api=guichet --openapi-spec=d.json"
        " --backend-auth-service-account=a@b",
    ),
    (
        COMMANDS.create_gateway("c"),
        "gcloud api-gateway gateways create guichet --api=guichet --api-config=c --location=europe-west1",
    ),
    (
        COMMANDS.update_gateway("c"),
        "gcloud api-gateway gateways update guichet --api=guichet --api-config=c --location=europe-west1",
    ),
    (
        COMMANDS.create_key("k", "m"),
        "gcloud services api-keys create --key-id=k --display-name=page --api-target=service=m"
        " --no-user-output-enabled",
    ),
    (COMMANDS.read_key("k"), "gcloud services api-keys get-key-string k '--format=value(keyString)'"),
    (COMMANDS.delete_service("x"), "gcloud run services delete x --region=europe-west1 --quiet"),
    (COMMANDS.delete_config("c"), "gcloud api-gateway api-configs delete c --api=guichet --quiet"),
    (COMMANDS.delete_api(), "gcloud api-gateway apis delete guichet --quiet"),
    (COMMANDS.delete_gateway(), "gcloud api-gateway gateways delete guichet --location=europe-west1 --quiet"),
    (COMMANDS.delete_key("k"), "gcloud services api-keys delete k --quiet"),
    (COMMANDS.delete_secret("s"), "gcloud secrets delete s --quiet"),
    (COMMANDS.delete_account("a@b"), "gcloud iam service-accounts delete a@b --quiet"),
    (
        COMMANDS.delete_repository(),
        "gcloud artifacts repositories delete hw5-images --location=europe-west1 --quiet",
    ),
    (COMMANDS.delete_image("r/i"), "gcloud artifacts docker images delete r/i --delete-tags --quiet"),
    (COMMANDS.disable("a"), "gcloud services disable a --quiet"),
    (COMMANDS.disable("a", force=True), "gcloud services disable a --force --quiet"),
]


@pytest.mark.parametrize(("argv", "line"), LINES, ids=[line.split(" --")[0] for _, line in LINES])
def test_a_command_line_for_the_shell_is_its_arguments(argv: Argv, line: str) -> None:
    assert shell_line(argv) == f"{line} --project=my-project"
    assert tuple(shlex.split(shell_line(argv))) == argv
