"""The errors of this package. Every message is one sentence that names the cause and the remedy."""

from __future__ import annotations


class DeployError(Exception):
    """The command cannot continue."""


class SettingsError(DeployError):
    """A setting or an option is invalid."""


class NoProjectError(SettingsError):
    """No project is set."""


class RecordError(DeployError):
    """deliverables.yaml is invalid, or another run holds it; the message is printable, whatever the file contains."""

    def __init__(self, message: str) -> None:
        super().__init__("".join(character if character.isprintable() else "?" for character in message))


class CommandFailed(DeployError):
    """A command or a request failed, and retrying did not help."""


class Interrupted(DeployError):
    """The command was interrupted, and started nothing more."""


class StepFailed(DeployError):
    """A step of the plan failed."""


class Kept(DeployError):
    """Google refused to remove something, which stays on the record."""
