"""The parameters of a prediction request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Function = Literal["softmax", "sigmoid", "none"]
FUNCTIONS: Final[tuple[Function, ...]] = get_args(Function)


@dataclass(frozen=True)
class Parameters:
    """The number of labels to return, and the function that turns logits into scores."""

    top_k: int
    function: Function = "softmax"
