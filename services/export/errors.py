"""The errors of an export. Each message is one sentence that begins with the model's name."""

from __future__ import annotations


class ExportError(Exception):
    """The export failed; an artifact from before is unchanged."""


class WeightsUnavailable(ExportError):
    """The weights could not be fetched."""


class NetworkError(ExportError):
    """The entry's architecture, weights and labels do not make a network."""


class Disagreement(ExportError):
    """The converted model's predictions differ too much from torch's."""


def first_line(error: Exception) -> str:
    """The first line of an exception of another library."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
