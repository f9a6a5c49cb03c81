"""The states that Google reports. A test compares them with Google's own lists, so that none is missing or misspelt."""

from __future__ import annotations

# Of an API, a config and a gateway. A config stays ACTIVATING for minutes after its creation has ended.
CHANGING = frozenset({"CREATING", "UPDATING", "DELETING", "ACTIVATING"})
ACTIVE, FAILED = "ACTIVE", "FAILED"

# Of a build.
BUILDING = frozenset({"PENDING", "QUEUED", "WORKING"})
BUILT = "SUCCESS"
NOT_BUILT = frozenset({"FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"})

# Of a version of a secret.
ENABLED = "ENABLED"
UNREADABLE = frozenset({"DISABLED", "DESTROYED"})

# Of a project, and the format of a repository.
DELETED_PROJECT = frozenset({"DELETE_REQUESTED", "DELETE_IN_PROGRESS"})
DOCKER = "DOCKER"
