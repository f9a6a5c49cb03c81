"""Running gcloud with retries."""

from __future__ import annotations

import pytest

from deploy.cloud.gcloud import Gcloud, GcloudFailed, Output
from deploy.errors import CommandFailed


class FixedOutputs:
    """A Run that returns these outputs in turn."""

    def __init__(self, *outputs: Output) -> None:
        self.outputs = list(outputs)

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> Output:
        return self.outputs.pop(0)


FINE = Output(0, "fine", "")
BUSY = Output(1, "", "ERROR: (x) ABORTED: concurrent policy changes")
AWAY = Output(1, "", "ERROR: (x) UNAVAILABLE: away")
DENIED = Output(1, "", "ERROR: (x) PERMISSION_DENIED: no")


def test_transient_errors_are_retried_with_growing_pauses() -> None:
    pauses: list[float] = []
    told: list[str] = []
    gcloud = Gcloud(FixedOutputs(BUSY, BUSY, BUSY, FINE), "my-project", sleep=pauses.append, tell=told.append)
    assert gcloud(("gcloud", "x")) == "fine"
    assert len(pauses) == 3
    assert 1 <= pauses[0] <= 2
    assert 2 <= pauses[1] <= 3
    assert 4 <= pauses[2] <= 5
    assert "Retrying in" in told[0]


@pytest.mark.parametrize(
    ("outputs", "tries"),
    [
        pytest.param([BUSY] * 6, 6, id="busy"),
        pytest.param([AWAY] * 2, 2, id="away"),
        pytest.param([DENIED], 1, id="denied"),
    ],
)
def test_the_number_of_attempts_is_limited(outputs: list[Output], tries: int) -> None:
    run = FixedOutputs(*outputs)
    gcloud = Gcloud(run, "my-project", sleep=lambda _: None)
    with pytest.raises(GcloudFailed):
        gcloud(("gcloud", "x"))
    assert not run.outputs


def test_output_that_is_not_json_is_an_error() -> None:
    with pytest.raises(CommandFailed, match="is not JSON"):
        Gcloud(FixedOutputs(FINE), "my-project").json(("gcloud", "x"))
