"""What Google says when a deployment fails → what we do about it → what the person reads."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from deploy.failures import advice, explain, failure, table

REPLACE = ("gcloud", "run", "services", "replace", ".run/deploy/guichet-rose.json")
SUBMIT = ("gcloud", "builds", "submit", ".", "--async")
BIND = ("gcloud", "run", "services", "add-iam-policy-binding", "guichet-page")
CONFIG = ("gcloud", "api-gateway", "api-configs", "create", "openapi-1")
GATEWAY = ("gcloud", "api-gateway", "gateways", "create", "guichet")
ENABLE = ("gcloud", "services", "enable", "run.googleapis.com")
DISABLE = ("gcloud", "services", "disable", "run.googleapis.com")
ACCOUNT = ("gcloud", "iam", "service-accounts", "create", "guichet-model")
SECRETS = ("gcloud", "secrets", "list")
COMPUTE = "123456789012-compute@developer.gserviceaccount.com"


@dataclass(frozen=True)
class Row:
    """`kind` is what decides how the deployment goes on; `reads` is a part of the advice."""

    name: str
    argv: tuple[str, ...]
    says: str
    kind: str
    reads: str
    retried: bool = False


ROWS = [
    # The account that builds run as.
    Row(
        "a new project's build account",
        SUBMIT,
        "ERROR: (gcloud.builds.submit) INVALID_ARGUMENT: could not resolve source: googleapi: Error 403:"
        f" {COMPUTE} does not have storage.objects.get access to the Google Cloud Storage object. Permission"
        " 'storage.objects.get' denied on resource (or it may not exist)., forbidden",
        "build account",
        f"--member=serviceAccount:{COMPUTE} --role=roles/cloudbuild.builds.builder",
    ),
    Row(
        "a build account that may not write logs",
        SUBMIT,
        f"The service account running this build projects/p/serviceAccounts/{COMPUTE} does not have permission to"
        " write logs. Required permission: logging.logEntries.create",
        "build account",
        f"--member=serviceAccount:{COMPUTE}",
    ),
    Row(
        "a build account that may not push",
        SUBMIT,
        'denied: Permission "artifactregistry.repositories.uploadArtifacts" denied on resource "projects/p/locations/'
        'us-central1/repositories/hw5-images" (or it may not exist)',
        "build account",
        "`make doctor FIX=1` grants it the role roles/cloudbuild.builds.builder",
    ),
    Row(
        "a deleted build account",
        SUBMIT,
        "ERROR: (gcloud.builds.submit) FAILED_PRECONDITION: invalid or deleted service account",
        "build account",
        "was deleted or disabled",
    ),
    # Regions.
    Row(
        "a region without API Gateway",
        GATEWAY,
        "ERROR: (gcloud.api-gateway.gateways.create) PERMISSION_DENIED: Permission denied on 'locations/europe-north1'"
        " (or it may not exist).",
        "region",
        "set GATEWAY_REGION",
    ),
    # APIs.
    Row(
        "an API that was used lately",
        DISABLE,
        "ERROR: (gcloud.services.disable) FAILED_PRECONDITION: The service run.googleapis.com has been used in the last"
        " 30 days or was enabled in the recent 3 days. Re-run with --force to disable it anyway.",
        "in use",
        "`make destroy FORCE=1`",
    ),
    Row(
        "an API that is off",
        SECRETS,
        "ERROR: (gcloud.secrets.list) PERMISSION_DENIED: Secret Manager API has not been used in project 1 before or it"
        " is disabled. Enable it by visiting https://console.developers.google.com/apis/api/x then retry. If you"
        " enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
        "disabled",
        "run `make doctor FIX=1`",
    ),
    Row(
        "a managed service that is not known yet",
        ENABLE,
        "ERROR: (gcloud.services.enable) PERMISSION_DENIED: Not found or permission denied for service(s):"
        " guichet-1.apigateway.p.cloud.goog.",
        "not yet",
        "a few minutes",
        True,
    ),
    # Accounts and what they may do.
    Row(
        "no right to act as an account",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) PERMISSION_DENIED: Permission 'iam.serviceaccounts.actAs' denied on"
        " service account guichet-model@p.iam.gserviceaccount.com (or it may not exist).",
        "act as",
        "roles/iam.serviceAccountUser",
    ),
    Row(
        "an account that is not known yet",
        CONFIG,
        "ERROR: (gcloud.api-gateway.api-configs.create) INVALID_ARGUMENT: Service account"
        " guichet-gateway@p.iam.gserviceaccount.com does not exist.",
        "not yet",
        "a few minutes",
        True,
    ),
    Row(
        "a reader of a secret that is not known yet",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) Revision 'guichet-page-00001-abc' is not ready and cannot serve traffic."
        " Permission denied on secret: projects/1/secrets/guichet-key/versions/latest for Revision service account"
        " guichet-page@p.iam.gserviceaccount.com.",
        "not yet",
        "right to read the secret",
        True,
    ),
    Row(
        "Cloud Run does not see the repository yet",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) PERMISSION_DENIED: Google Cloud Run Service Agent"
        " service-1@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image,"
        " us-central1-docker.pkg.dev/p/hw5-images/guichet-rose@sha256:1. If you just enabled the Cloud Run API, the"
        " permissions might take a few minutes to propagate.",
        "not yet",
        "roles/run.serviceAgent",
        True,
    ),
    Row(
        "a config that is still being activated",
        GATEWAY,
        "ERROR: (gcloud.api-gateway.gateways.create) FAILED_PRECONDITION: ApiConfig 'x' is not ACTIVE",
        "not yet",
        "still activating",
        True,
    ),
    Row(
        "no role",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) PERMISSION_DENIED: Permission 'run.services.create' denied.",
        "denied",
        "Ask an owner of my-project for roles/run.admin and roles/iam.serviceAccountUser, then run again.",
    ),
    Row(
        "no role for keys",
        ("gcloud", "services", "api-keys", "create", "--key-id=k"),
        "ERROR: (gcloud.services.api-keys.create) PERMISSION_DENIED: The caller does not have permission. This command"
        " is authenticated as a@b which is the active account specified by the [core/account] property.",
        "denied",
        "roles/serviceusage.apiKeysAdmin",
    ),
    Row(
        "nobody signed in",
        SECRETS,
        "ERROR: (gcloud.secrets.list) You do not currently have an active account selected.\nPlease run:\n\n"
        "  $ gcloud auth login\n\nto obtain new credentials.",
        "account",
        "`gcloud auth login`",
    ),
    Row(
        "a sign-in that has expired",
        SECRETS,
        "ERROR: (gcloud.secrets.list) There was a problem refreshing your current auth tokens: ('invalid_grant: Token"
        " has been expired or revoked.')",
        "account",
        "`gcloud auth login`",
    ),
    Row(
        "the terms of service",
        ENABLE,
        "ERROR: (gcloud.services.enable) FAILED_PRECONDITION: Callers must accept Terms of Service",
        "account",
        "accept the terms",
    ),
    # The project.
    Row(
        "no billing account",
        ENABLE,
        "ERROR: (gcloud.services.enable) FAILED_PRECONDITION: Billing account for project '1' is not found. Billing"
        " must be enabled for activation of service(s) 'run.googleapis.com' to proceed.",
        "billing",
        "https://console.cloud.google.com/billing/linkedaccount?project=my-project",
    ),
    Row(
        "billing that was switched off",
        SUBMIT,
        "ERROR: (gcloud.builds.submit) PERMISSION_DENIED: This API method requires billing to be enabled.",
        "billing",
        "billing account",
    ),
    Row(
        "no such project",
        SECRETS,
        "ERROR: (gcloud.secrets.list) PERMISSION_DENIED: Permission denied on resource project my-projct.",
        "project",
        "Check PROJECT_ID",
    ),
    # The organisation.
    Row(
        "allUsers is forbidden",
        BIND,
        "ERROR: (gcloud.run.services.add-iam-policy-binding) FAILED_PRECONDITION: One or more users named in the policy"
        " do not belong to a permitted customer, perhaps due to an organization policy.",
        "policy",
        "PAGE_ACCESS=private",
    ),
    Row(
        "public services are forbidden",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) FAILED_PRECONDITION: Operation denied by org policy:"
        " [constraints/run.managed.requireInvokerIam]",
        "policy",
        "PAGE_ACCESS=private or PAGE_ACCESS=iap",
    ),
    Row(
        "the region is forbidden",
        ("gcloud", "artifacts", "repositories", "create", "hw5-images"),
        "ERROR: (gcloud.artifacts.repositories.create) FAILED_PRECONDITION: 'us-central1' violates constraint"
        " 'constraints/gcp.resourceLocations' on the resource 'projects/p'.",
        "policy",
        "with REGION set to one that it allows",
    ),
    Row(
        "a service perimeter",
        SECRETS,
        "ERROR: (gcloud.secrets.list) PERMISSION_DENIED: Request is prohibited by organization's policy."
        " vpcServiceControlsUniqueIdentifier: x.",
        "policy",
        "Ask its administrator",
    ),
    # Limits, and too many requests.
    Row(
        "no more CPU",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) RESOURCE_EXHAUSTED: Quota exceeded for total allowable CPU per project"
        " per region.",
        "limit",
        "may not use more CPU",
    ),
    Row(
        "no more service accounts",
        ACCOUNT,
        "ERROR: (gcloud.iam.service-accounts.create) RESOURCE_EXHAUSTED: Maximum number of service accounts on project"
        " reached.",
        "limit",
        "100 at first",
    ),
    Row(
        "no more gateways",
        GATEWAY,
        "ERROR: (gcloud.api-gateway.gateways.create) RESOURCE_EXHAUSTED: Quota exceeded for gateways per project.",
        "limit",
        "Delete unused ones",
    ),
    Row(
        "too many requests",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) RESOURCE_EXHAUSTED: Quota exceeded for quota metric 'Write requests' and"
        " limit 'Write requests per minute per region' of service 'run.googleapis.com'.",
        "throttled",
        "limits the request rate",
        True,
    ),
    # Two at a time, and earlier attempts.
    Row(
        "two policies at once",
        BIND,
        "ERROR: (gcloud.run.services.add-iam-policy-binding) ABORTED: There were concurrent policy changes. Please"
        " retry.",
        "busy",
        "run again in a minute",
        True,
    ),
    Row(
        "an account that exists",
        ACCOUNT,
        "ERROR: (gcloud.iam.service-accounts.create) Resource in projects [p] is the subject of a conflict: Service"
        " account a already exists within project projects/p.",
        "exists",
        "exists already",
    ),
    Row(
        "a secret that is gone",
        ("gcloud", "secrets", "delete", "s"),
        "ERROR: (gcloud.secrets.delete) NOT_FOUND: Secret [projects/1/secrets/s] not found. This command is"
        " unauthenticated because the [auth/disable_credentials] property is True.",
        "absent",
        "Run again",
    ),
    Row(
        "a service that is gone",
        ("gcloud", "run", "services", "describe", "x"),
        "ERROR: (gcloud.run.services.describe) Cannot find service [x]",
        "absent",
        "Run again",
    ),
    # The network.
    Row(
        "Google is overloaded",
        ("gcloud", "secrets", "create", "s"),
        "ERROR: (gcloud.secrets.create) UNAVAILABLE: The service is currently unavailable.",
        "unavailable",
        "run again later",
        True,
    ),
    Row(
        "no connection",
        SECRETS,
        "ERROR: gcloud crashed (ConnectionError): ('Connection aborted.', RemoteDisconnected())",
        "unavailable",
        "run again later",
        True,
    ),
    Row(
        "a proxy with a certificate of its own",
        SECRETS,
        "ERROR: gcloud crashed (SSLError): [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
        "unavailable",
        "core/custom_ca_certs_file",
    ),
    # Containers and documents.
    Row(
        "a container that does not start",
        REPLACE,
        "Deploying...\nERROR: (gcloud.run.services.replace) Revision 'guichet-rose-00001-abc' is not ready and cannot"
        " serve traffic. The user-provided container failed to start and listen on the port defined provided by the"
        " PORT=8000 environment variable within the allocated timeout.",
        "container",
        "`make logs MODEL=rose`",
    ),
    Row(
        "too little memory",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) Revision 'guichet-rose-00001-abc' is not ready. Memory limit of 512 MiB"
        " exceeded with 530 MiB used.",
        "container",
        "`make size MODEL=rose`",
    ),
    Row(
        "an image that was deleted",
        REPLACE,
        "ERROR: (gcloud.run.services.replace) Image 'us-central1-docker.pkg.dev/p/x@sha256:1' not found.",
        "container",
        "build --force",
    ),
    Row(
        "a document that Google rejects",
        CONFIG,
        "ERROR: (gcloud.api-gateway.api-configs.create) INVALID_ARGUMENT: Cannot convert to service config.\n"
        '\'location: "openapi.json" kind: ERROR message: "x"\'',
        "document",
        "python -m gateway check",
    ),
    Row("an old gcloud", SECRETS, "ERROR: (gcloud) Invalid choice: 'org-policies'.", "old gcloud", "components update"),
    Row("something new", SECRETS, "ERROR: (gcloud.secrets.list) Something new happened", "other", "run again"),
    Row("nothing said", SECRETS, "", "other", "run again"),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_every_failure_is_known_and_explained(row: Row) -> None:
    found = failure(row.says)
    assert found.kind == row.kind
    assert (found.attempts > 1 or found.seconds > 0) == row.retried
    told = explain(row.argv, found, "my-project")
    assert row.reads in told
    assert re.match(r"`gcloud [a-z][\w .-]+` failed: ", told)
    assert not re.search(r"[{}]|Traceback|@type|Re-run with --force\b.*Fix this", told)
    assert "\n" not in told


def test_every_row_of_the_table_has_a_text_of_googles() -> None:
    matched = {failure(row.says).advice for row in ROWS}
    assert {row["advice"] for row in table()["failures"]} - matched == set()


def test_every_group_of_commands_has_its_role() -> None:
    denied = failure("ERROR: (x) PERMISSION_DENIED: no")
    for group, role in table()["roles"].items():
        assert role in advice(denied, "my-project", [*group.split(), "list"])


def test_prefixes_and_details_are_removed_from_the_message() -> None:
    said = (
        "Creating...\n\x1b[1;31mERROR:\x1b[0m (gcloud.projects.describe) a does not have permission: Denied. This"
        " command is authenticated as a@b which is the active account.\n"
        "- '@type': type.googleapis.com/google.rpc.Info\n"
        "  domain: googleapis.com\n  reason: X\n"
    )
    assert failure(said).message == "a does not have permission: Denied."


def test_googles_advice_about_propagation_is_removed() -> None:
    said = next(row.says for row in ROWS if row.kind == "disabled")
    assert failure(said).message.endswith("or it is disabled.")
