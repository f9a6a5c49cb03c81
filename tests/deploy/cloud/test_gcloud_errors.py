"""gcloud's error messages and their explanations."""

from __future__ import annotations

import pytest

from deploy.cloud.gcloud_errors import ErrorKind, explain, parse_error

SAID: list[tuple[ErrorKind, str, str]] = [
    (
        "exists",
        "ERROR: (gcloud.iam.service-accounts.create) Resource in projects [p] is the subject of a conflict: Service"
        " account"
        " a already exists within project projects/p.",
        "a second account",
    ),
    (
        "exists",
        "ERROR: (gcloud.services.api-keys.create) ALREADY_EXISTS: Resource 'projects/p/locations/global/keys/k' already"
        " exists",
        "a second key",
    ),
    (
        "absent",
        "ERROR: (gcloud.secrets.delete) NOT_FOUND: Secret [projects/1/secrets/s] not found. This command is"
        " unauthenticated"
        " because the [auth/disable_credentials] property is True.",
        "no secret",
    ),
    ("absent", "ERROR: (gcloud.run.services.describe) Cannot find service [x]", "no service to describe"),
    ("absent", "ERROR: (gcloud.run.services.delete) Service [x] could not be found.", "no service to delete"),
    (
        "busy",
        "ERROR: (gcloud.run.services.add-iam-policy-binding) ABORTED: There were concurrent policy changes. Please"
        " retry.",
        "two policies at once",
    ),
    (
        "throttled",
        "ERROR: (gcloud.run.services.replace) RESOURCE_EXHAUSTED: Quota exceeded for quota metric 'Write requests'.",
        "a quota",
    ),
    ("unavailable", "ERROR: (gcloud.secrets.create) UNAVAILABLE: The service is currently unavailable.", "503"),
    ("unavailable", "ERROR: gcloud crashed (ConnectionError): ('Connection aborted.', ...)", "no answer"),
    (
        "not yet",
        "ERROR: (gcloud.run.services.replace) PERMISSION_DENIED: Permission 'iam.serviceaccounts.actAs' denied on"
        " service"
        " account a@p.iam.gserviceaccount.com (or it may not exist).",
        "an account that is not known everywhere",
    ),
    (
        "not yet",
        "ERROR: (gcloud.run.services.list) PERMISSION_DENIED: Cloud Run Admin API has not been used in project 1"
        " before or it"
        " is disabled. If you enabled this API recently, wait a few minutes for the action to propagate and retry.",
        "an API that is not known everywhere",
    ),
    (
        "disabled",
        "ERROR: (gcloud.run.services.list) PERMISSION_DENIED: run.googleapis.com has not been used in project 1 before"
        " or it"
        " is disabled.",
        "an API that is off",
    ),
    (
        "denied",
        "ERROR: (gcloud.builds.submit) PERMISSION_DENIED: The caller does not have permission. This command is"
        " authenticated"
        " as a@b which is the active account specified by the [core/account] property.",
        "no role",
    ),
    (
        "account",
        "ERROR: (gcloud.run.services.list) You do not currently have an active account selected.\nPlease run:\n\n  $"
        " gcloud"
        " auth login",
        "nobody signed in",
    ),
    (
        "other",
        "Deploying...\nERROR: (gcloud.run.services.replace) Revision 'x-1' is not ready and cannot serve traffic. The"
        " container failed to start.",
        "a revision that does not start",
    ),
    ("other", "", "nothing said"),
]


@pytest.mark.parametrize(("kind", "said"), [row[:2] for row in SAID], ids=[row[2] for row in SAID])
def test_the_kind_of_an_error_follows_from_its_message(kind: ErrorKind, said: str) -> None:
    assert parse_error(said).kind == kind


def test_prefixes_and_details_are_removed_from_the_message() -> None:
    said = (
        "Creating...\n\x1b[1;31mERROR:\x1b[0m (gcloud.projects.describe) a does not have permission: Denied. This"
        " command is"
        " authenticated as a@b which is the active account.\n- '@type': type.googleapis.com/google.rpc.ErrorInfo\n"
        "  domain: googleapis.com\n  reason: X\n"
    )
    assert parse_error(said).message == "a does not have permission: Denied."


@pytest.mark.parametrize(
    ("argv", "said", "told"),
    [
        pytest.param(
            ("gcloud", "run", "services", "replace", "f.json"),
            "ERROR: (x) PERMISSION_DENIED: Permission 'run.services.create' denied.",
            "`gcloud run services replace f.json` failed: PERMISSION_DENIED: Permission 'run.services.create' denied."
            " Ask an"
            " owner of my-project for roles/run.admin and roles/iam.serviceAccountUser, then run again.",
            id="no role",
        ),
        pytest.param(
            ("gcloud", "services", "api-keys", "create", "--key-id=k"),
            "ERROR: (x) PERMISSION_DENIED: no",
            "`gcloud services api-keys create` failed: PERMISSION_DENIED: no. Ask an owner of my-project for"
            " roles/serviceusage.apiKeysAdmin, then run again.",
            id="no role for keys",
        ),
        pytest.param(
            ("gcloud", "secrets", "list"),
            "ERROR: (x) UNAUTHENTICATED: no",
            "`gcloud secrets list` failed: UNAUTHENTICATED: no. Sign in with `gcloud auth login`, then run again.",
            id="no right to sign in",
        ),
        pytest.param(
            ("gcloud", "secrets", "list"),
            "ERROR: (gcloud.secrets.list) You do not currently have an active account selected.\nPlease run:\n\n"
            "  $ gcloud auth login\n\nto obtain new credentials.\n\nIf you have already logged in with a different"
            " account, run:\n\n  $ gcloud config set account ACCOUNT\n\nto select an already authenticated account.",
            "`gcloud secrets list` failed: You do not currently have an active account selected."
            " Sign in with `gcloud auth login`, then run again.",
            id="nobody signed in",
        ),
        pytest.param(
            ("gcloud", "secrets", "list"),
            "ERROR: (x) SERVICE_DISABLED",
            "`gcloud secrets list` failed: SERVICE_DISABLED. Run `make doctor FIX=1`, then run again.",
            id="an API that is off",
        ),
    ],
)
def test_the_explanation_names_command_reason_and_remedy(argv: tuple[str, ...], said: str, told: str) -> None:
    assert explain(argv, parse_error(said), "my-project") == told
