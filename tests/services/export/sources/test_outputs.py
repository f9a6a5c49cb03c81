from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from services.export.errors import NetworkError
from services.export.sources.outputs import unwrapped

pytestmark = pytest.mark.integration  # importing torch takes seconds

IMAGE = torch.ones(1, 3)
Pair = namedtuple("Pair", ["logits", "features"])  # as older code has them


@dataclass
class Output:
    logits: torch.Tensor
    loss: torch.Tensor | None = None


class Returning(torch.nn.Module):
    def __init__(self, result: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.result = result

    def forward(self, image: torch.Tensor) -> Any:
        return self.result(image)


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(lambda image: image * 2, id="tensor"),
        pytest.param(lambda image: (image * 2,), id="tuple-of-one"),
        pytest.param(lambda image: {"out": image * 2}, id="dict-of-one"),
        pytest.param(lambda image: {"aux": image, "logits": image * 2}, id="dict"),
        pytest.param(lambda image: Output(image * 2), id="dataclass"),
        pytest.param(lambda image: Pair(image * 2, image), id="named-tuple"),
    ],
)
def test_the_only_output_that_can_be_meant_is_taken(result: Callable[[torch.Tensor], Any]) -> None:
    assert torch.equal(unwrapped("own", Returning(result), IMAGE)(IMAGE), IMAGE * 2)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param(lambda image: (image, image), r"several outputs: 0 \[1, 3\], 1 \[1, 3\]", id="tuple"),
        pytest.param(lambda image: {"a": image, "b": image}, r"several outputs: a \[1, 3\], b \[1, 3\]", id="dict"),
        pytest.param(lambda image: "text", "returns a str, not a tensor", id="no-tensor"),
    ],
)
def test_several_outputs_are_refused_by_name(result: Callable[[torch.Tensor], Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        unwrapped("own", Returning(result), IMAGE)
