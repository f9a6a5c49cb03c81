"""What a caller may ask of a prediction beside the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Function = Literal["softmax", "sigmoid", "none"]
FUNCTIONS: Final[tuple[Function, ...]] = get_args(Function)


@dataclass(frozen=True)
class Parameters:
    """How many labels are wanted, and what makes scores of the logits."""

    top_k: int
    function: Function = "softmax"
