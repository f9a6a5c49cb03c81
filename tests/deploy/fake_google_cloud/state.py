"""The state of the fake cloud, its errors and faults."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# What every new project has enabled.
ENABLED = ("cloudapis", "logging", "monitoring", "servicemanagement", "serviceusage", "storage", "storage-api")
# The APIs that are also called without gcloud, at its endpoints.
OVERRIDDEN = ("apigateway", "cloudresourcemanager", "run", "secretmanager")
PROJECT, NUMBER = "guichet-test", "123456789012"
Resource = dict[str, Any]


class ApiError(Exception):
    """An error in the form of google.rpc.Status."""

    def __init__(self, code: int, message: str, status: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        error: Resource = {"code": code, "message": message, "status": status or STATUS[code]}
        if reason:
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            error["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": {}}]
        self.body = json.dumps({"error": error}).encode()


@dataclass
class Fault:
    """A fault of the next `count` matching requests, after `skip` that succeed.

    `status`: this error is the answer. `drop`: there is none. With `after`, the request is carried out nevertheless.
    `operation`: the request is accepted, and what it starts fails with this message. `apart` is called beforehand.
    """

    method: str
    path: str
    count: int = 1
    skip: int = 0
    status: int = 0
    message: str = "Injected fault."
    drop: bool = False
    after: bool = False
    operation: str = ""
    apart: Callable[[], None] | None = None
    hits: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Whether the fault applies now; counts down."""
        if not self.count or self.method not in ("*", method) or not re.search(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.count -= 1
        self.hits += 1
        return True


@dataclass(frozen=True)
class Logged:
    """A request and the status of its response; 0 if it was lost."""

    method: str
    path: str
    status: int
    command: str

    @property
    def writes(self) -> bool:
        """Whether it changes something; some reads use POST."""
        asks = ("getIamPolicy", "testIamPermissions", ":wait")
        return self.method != "GET" and not self.path.endswith(asks)


@dataclass
class Cloud:
    """The state. `resources` are kept under their full names; requests are handled one at a time, under `lock`."""

    resources: dict[str, Resource] = field(default_factory=dict)
    policies: dict[str, Resource] = field(default_factory=dict)
    operations: dict[str, Resource] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    log: list[Logged] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    address: str = ""
    slow: int = 0  # how many more requests an operation outlasts
    used: bool = False  # APIs were used lately, and are disabled with --force only
    activating: int = 0  # how many reads a config stays ACTIVATING for, after its creation has ended
    poor_builds: bool = False  # the account that builds run as has no roles
    forbidden: frozenset[str] = frozenset()  # constraints of the organisation that are enforced
    lock: threading.RLock = field(default_factory=threading.RLock)
    before_write: Callable[[str, str], None] = lambda method, path: None

    def __post_init__(self) -> None:
        for name in ENABLED:
            self.enable(f"{name}.googleapis.com")

    def clear(self) -> None:
        """Makes this an empty project again, at the same address."""
        with self.lock:
            vars(self).update(vars(Cloud(address=self.address, lock=self.lock)))

    def enable(self, service: str) -> None:
        """Enables an API."""
        self.resources[f"projects/{PROJECT}/services/{service}"] = {"state": "ENABLED"}

    def enabled(self, service: str) -> bool:
        """Whether an API is enabled."""
        found = self.resources.get(f"projects/{PROJECT}/services/{service}", {})
        return bool(found.get("state") == "ENABLED")

    def need(self, name: str, message: str = "") -> Resource:
        """The resource; 404 if it does not exist."""
        if name not in self.resources:
            raise ApiError(404, message or f"Resource '{name}' was not found")
        return self.resources[name]

    def create(self, name: str, resource: Resource, message: str = "") -> Resource:
        """Creates a resource; 409 if it exists."""
        if name in self.resources:
            raise ApiError(409, message or f"Resource '{name}' already exists")
        self.resources[name] = resource
        return resource

    def children(self, parent: str, kind: str) -> list[Resource]:
        """The resources right below PARENT/KIND."""
        below = f"{parent}/{kind}/"
        return [self.resources[n] for n in sorted(self.resources) if n.startswith(below) and "/" not in n[len(below) :]]

    def remove(self, name: str) -> None:
        """Removes a resource and everything below it."""
        for gone in [n for n in self.resources if n == name or n.startswith(f"{name}/")]:
            del self.resources[gone]
            self.policies.pop(gone, None)

    def account(self, email: str) -> str | None:
        """The full name of a service account, if it exists."""
        name = f"projects/{PROJECT}/serviceAccounts/{email}"
        return name if name in self.resources else None

    def operation(self, verb: str, target: str = "", *, kind: str = "", error: str = "", name: str = "") -> Resource:
        """Starts an operation, which ends at once unless the cloud is slow."""
        name = name or f"operations/{verb}.{uuid.uuid4()}"
        meta = {
            "@type": "type.googleapis.com/google.cloud.apigateway.v1.OperationMetadata",
            "target": target,
            "verb": verb,
        }
        found = {
            "_left": self.slow,
            "name": name,
            "metadata": meta,
            "done": False,
            "_target": target,
            "_kind": kind,
            "_error": error,
            "_verb": verb,
        }
        self.operations[name] = found
        # What fails does so later; gcloud does not read the error of an operation that has ended at once.
        if not self.slow and not error:
            self.settle(found)
        return found

    def pass_time(self) -> None:
        """Advances the operations by one request."""
        for operation in self.operations.values():
            operation["_left"] -= 1
            if operation["_left"] < 0:
                self.settle(operation)

    def settle(self, operation: Resource) -> None:
        """Ends an operation with its effect or its error."""
        if operation["done"]:
            return
        target, failed = self.resources.get(operation["_target"]), operation["_error"]
        operation["done"] = True
        if failed:
            operation["error"] = {"code": 13, "message": failed}
            if target and "state" in target:
                target["state"] = "FAILED"
            elif operation["_verb"] == "create":
                self.remove(operation["_target"])
            return
        if operation["_verb"] == "delete":
            self.remove(operation["_target"])
            target = {}
        elif target and "state" in target:
            target.update(target.pop("_patch", {}))
            target["state"] = "ACTIVE"
        kind = operation["_kind"] or "google.protobuf.Empty"
        operation["response"] = {"@type": f"type.googleapis.com/{kind}", **shown(target or {})}

    def snapshot(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """A copy of the state."""
        with self.lock:
            return copy.deepcopy((self.resources, self.policies, self.operations))

    def restore(self, snapshot: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]) -> None:
        """Restores a copy of the state, without faults and log."""
        with self.lock:
            self.resources, self.policies, self.operations = copy.deepcopy(snapshot)
            self.faults, self.log = [], []

    @property
    def writes(self) -> list[Logged]:
        """The requests that change something."""
        return [entry for entry in self.log if entry.writes]


def shown(resource: Resource) -> Resource:
    """A resource as the API shows it."""
    return {key: value for key, value in resource.items() if not key.startswith("_")}


def now() -> str:
    """The time in Google's format."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def decoded(text: str) -> bytes:
    """Decodes base64 in either alphabet, as Google's clients use both."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/"))


def digest(text: str) -> str:
    """A SHA-256, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def refuse_if(bad: object, code: int, message: str, status: str = "", reason: str = "") -> None:
    """Raises an error if the condition is true."""
    if bad:
        raise ApiError(code, message, status, reason)
