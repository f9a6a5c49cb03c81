"""What can go wrong in an export; every message is one sentence that begins with the model's name."""

from __future__ import annotations


class ExportError(Exception):
    """The artifact was not made, and what was there before still is."""


class WeightsUnavailable(ExportError):
    """The weights could not be had: what, from where, and why."""


class NetworkError(ExportError):
    """The entry, its weights and its labels do not make a network."""


class Disagreement(ExportError):
    """The converted model does not answer like the torch network."""
