"""What can go wrong, as a tree: every message is one sentence that names the place and the remedy."""

from __future__ import annotations


class DeployError(Exception):
    """The command cannot go on; the message says why and what to do."""


class SettingsError(DeployError):
    """The environment or an option makes no sense."""


class RecordError(DeployError):
    """deliverables.yaml cannot be used, or another run holds it."""


class CommandFailed(DeployError):
    """A command ended with an error that trying again did not cure."""


class Interrupted(DeployError):
    """Somebody stopped the command: nothing more was started."""


class StepFailed(DeployError):
    """A step of the plan could not be carried out."""
