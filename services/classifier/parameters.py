"""The parameters of a prediction request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from services.artifact import ScoreFunction

FUNCTIONS: Final[tuple[ScoreFunction, ...]] = get_args(ScoreFunction)


@dataclass(frozen=True)
class Parameters:
    """The number of labels to return, and the function that turns the network's outputs into scores."""

    top_k: int
    function: ScoreFunction = "softmax"
