"""What gcloud's error texts mean: whether trying again helps, and the sentence for a person if it does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Blame = Literal[
    "exists", "absent", "busy", "throttled", "unavailable", "not yet", "denied", "account", "disabled", "other"
]

# gcloud names an error by its status, by its HTTP number, or in its own words; the first row that fits decides.
SIGNS: tuple[tuple[Blame, str], ...] = (
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
# How often a command is tried in all; gcloud itself has tried five times when Google was out of reach.
ATTEMPTS: dict[Blame, int] = {"busy": 6, "throttled": 6, "not yet": 6, "unavailable": 2}

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
class Failure:
    """A command's failure: whose fault, and gcloud's own message without decoration."""

    blame: Blame
    message: str


def failure(stderr: str) -> Failure:
    """What a command's standard error says."""
    message = _message(stderr)
    for blame, sign in SIGNS:
        if re.search(sign, message):
            return Failure(blame, message)
    return Failure("other", message)


def sentence(argv: tuple[str, ...], found: Failure, project: str) -> str:
    """One sentence for a person: what could not be done, why, and the remedy."""
    did = " ".join(word for word in argv[: _words(argv)])
    remedy = {
        "denied": f"Ask an owner of {project} for {ROLES.get(_group(argv), 'the role that it needs')}, then run again.",
        "account": "Sign in with `gcloud auth login`, then run again.",
        "disabled": "Run `make doctor FIX=1`, then run again.",
        "throttled": "Google is asked too much at once: run again later; what is done stays done.",
        "unavailable": "Google is busy or out of reach: run again later; what is done stays done.",
        "busy": "Another change is under way there: run again in a minute.",
        "not yet": "A new account or API needs a minute until it is known everywhere: run again.",
    }.get(found.blame, "Put that right, then run again; what is done stays done.")
    return f"`{did}` failed: {found.message} {remedy}"


def _message(stderr: str) -> str:
    """gcloud's error, in one line, without the notes it adds."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", stderr)
    _, marked, rest = text.rpartition("ERROR: ")
    lines = (rest if marked else text).strip().splitlines()
    kept = [
        line.strip() for line in lines if line.strip() and not re.match(r"\s*(-|'?@type|reason:|domain:|To \w)", line)
    ]
    message = re.sub(r"^\([\w.-]+\)\s*", "", " ".join(kept))
    # What follows is advice, of which a sentence of ours says as much as is needed.
    message = re.sub(r"\s*(Please run: )?\$ gcloud (auth login|config set account) .*$", "", message)
    message = re.sub(r"\s*This command is (un)?authenticated (as|because) .*$", "", message)
    message = message[:600].rstrip() or "it gave no reason."
    return message if message.endswith((".", "!", "?")) else f"{message}."


def _words(argv: tuple[str, ...]) -> int:
    """How many words name the command: up to the first option."""
    return next((i for i, word in enumerate(argv) if word.startswith("-") or "/" in word), len(argv))


def _group(argv: tuple[str, ...]) -> str:
    words = [word for word in argv[1:] if not word.startswith("-")]
    two = " ".join(words[:2])
    return two if two in ROLES else words[0] if words else ""
