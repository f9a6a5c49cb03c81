"""Explains failed gcloud commands: the kind of error, whether a retry can help, and a sentence with the remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

ErrorKind = Literal[
    "exists", "absent", "busy", "throttled", "unavailable", "not yet", "denied", "account", "disabled", "other"
]

# gcloud prints a status, an HTTP code or its own words; the first pattern that matches decides.
PATTERNS: tuple[tuple[ErrorKind, str], ...] = (
    (
        "busy",
        r"ABORTED|concurrent policy changes|operation in progress|Conflict for resource|is being (updated|deleted)",
    ),
    ("exists", r"ALREADY_EXISTS|already exists|already own it|subject of a conflict|HTTPError 409"),
    ("throttled", r"RESOURCE_EXHAUSTED|Quota exceeded|Too Many Requests|HTTPError 429"),
    (
        "unavailable",
        r"UNAVAILABLE|DEADLINE_EXCEEDED|INTERNAL\b|HTTPError 5\d\d|Connection (reset|aborted|refused)"
        r"|RemoteDisconnected|timed out|Temporary failure"
        r"|upload failure|gcloud crashed \((Connection|Transport|Proxy|ServerNotFound)",
    ),
    (
        "not yet",
        r"Service account \S+ does not exist|actAs' denied .*\(or it may not exist\)|enabled this API recently"
        r"|Not found or permission denied for service",
    ),
    ("disabled", r"SERVICE_DISABLED|has not been used in project|API \[\S+\] not enabled|it is disabled"),
    (
        "account",
        r"UNAUTHENTICATED\b(?!\])|do(es)? not (currently )?have an active account|Reauthentication|HTTPError 401"
        r"|invalid_grant",
    ),
    ("denied", r"PERMISSION_DENIED|HTTPError 403|does not have permission|Permission '?\S+'? denied|\bforbidden\b"),
    (
        "absent",
        r"NOT_FOUND|could not be found|Cannot find|was not found|does not exist|HTTPError 404|Unknown service account",
    ),
)
# Attempts in total. When Google is unreachable, gcloud itself has already tried five times.
ATTEMPTS: dict[ErrorKind, int] = {"busy": 6, "throttled": 6, "not yet": 6, "unavailable": 2}

ROLES = {
    "artifacts": "roles/artifactregistry.admin",
    "builds": "roles/cloudbuild.builds.editor and roles/storage.admin",
    "run": "roles/run.admin and roles/iam.serviceAccountUser",
    "api-gateway": "roles/apigateway.admin and roles/iam.serviceAccountUser",
    "secrets": "roles/secretmanager.admin",
    "iam": "roles/iam.serviceAccountAdmin",
    "services": "roles/serviceusage.serviceUsageAdmin",
    "services api-keys": "roles/serviceusage.apiKeysAdmin",
}


@dataclass(frozen=True)
class GcloudError:
    """The kind of an error, and gcloud's message without prefixes and details."""

    kind: ErrorKind
    message: str


def parse_error(stderr: str) -> GcloudError:
    """The error that a command printed to standard error."""
    message = _message(stderr)
    for kind, pattern in PATTERNS:
        if re.search(pattern, message):
            return GcloudError(kind, message)
    return GcloudError("other", message)


def explain(argv: tuple[str, ...], error: GcloudError, project: str) -> str:
    """One sentence: the command that failed, the reason, and the remedy."""
    command = " ".join(argv[: _words(argv)])
    remedy = {
        "denied": f"Ask an owner of {project} for {ROLES.get(_group(argv), 'the required role')}, then run again.",
        "account": "Sign in with `gcloud auth login`, then run again.",
        "disabled": "Run `make doctor FIX=1`, then run again.",
        "throttled": "Google limits the request rate: run again later; finished steps are kept.",
        "unavailable": "Google is overloaded or unreachable: run again later; finished steps are kept.",
        "busy": "Another change is in progress: run again in a minute.",
        "not yet": "A new account or API takes a minute to become visible everywhere: run again.",
    }.get(error.kind, "Fix this, then run again; finished steps are kept.")
    return f"`{command}` failed: {error.message} {remedy}"


def _message(stderr: str) -> str:
    """gcloud's error on one line, without the details and advice it adds."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", stderr)
    _, marked, rest = text.rpartition("ERROR: ")
    lines = (rest if marked else text).strip().splitlines()
    kept = [
        line.strip() for line in lines if line.strip() and not re.match(r"\s*(-|'?@type|reason:|domain:|To \w)", line)
    ]
    message = re.sub(r"^\([\w.-]+\)\s*", "", " ".join(kept))
    message = re.sub(r"\s*(Please run: )?\$ gcloud (auth login|config set account) .*$", "", message)
    message = re.sub(r"\s*This command is (un)?authenticated (as|because) .*$", "", message)
    message = message[:600].rstrip() or "gcloud gave no reason."
    return message if message.endswith((".", "!", "?")) else f"{message}."


def _words(argv: tuple[str, ...]) -> int:
    """The number of words before the first option or path."""
    return next((i for i, word in enumerate(argv) if word.startswith("-") or "/" in word), len(argv))


def _group(argv: tuple[str, ...]) -> str:
    words = [word for word in argv[1:] if not word.startswith("-")]
    two = " ".join(words[:2])
    return two if two in ROLES else words[0] if words else ""
