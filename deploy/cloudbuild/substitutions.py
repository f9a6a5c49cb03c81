"""Cloud Build's substitutions: `$NAME` and `${NAME}` in a text, `$$` for a dollar sign."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Where a name starts with an underscore it is the user's own.
OWN = re.compile(r"_[A-Z0-9_]+")
REFERENCE = re.compile(r"\$\$|\$\{([A-Z_][A-Z0-9_]*)\}|\$([A-Z_][A-Z0-9_]*)")

# Known for every build; and known for builds that a trigger started, empty for all others.
ALWAYS = ("BUILD_ID", "LOCATION", "PROJECT_ID", "PROJECT_NUMBER")
TRIGGERED = (
    "BRANCH_NAME",
    "COMMIT_SHA",
    "REF_NAME",
    "REPO_FULL_NAME",
    "REPO_NAME",
    "REVISION_ID",
    "SERVICE_ACCOUNT",
    "SERVICE_ACCOUNT_EMAIL",
    "SHORT_SHA",
    "TAG_NAME",
    "TRIGGER_BUILD_CONFIG_PATH",
    "TRIGGER_NAME",
)
BUILT_IN = frozenset(ALWAYS + TRIGGERED)


def referenced(text: str) -> list[str]:
    """The names in `text`, in order; `$$` hides what follows it."""
    return [name for found in REFERENCE.finditer(text) if (name := found[1] or found[2])]


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with every name replaced by its value, or by nothing where it has none."""
    return REFERENCE.sub(lambda found: "$" if found[0] == "$$" else values.get(found[1] or found[2], ""), text)
