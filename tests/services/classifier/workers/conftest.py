"""A pool of two workers of EfficientNet-Lite0, and the same pipeline without workers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from services.artifact import Receipt, read_receipt
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.pipeline import Network, Pipeline
from tests.services.classifier.workers.opened_pool import OpenedPool, opened_pool


@pytest.fixture(scope="module")
def folder(artifacts: Path) -> Path:
    return artifacts / "efficientnet-lite0"


@pytest.fixture(scope="module")
def receipt(folder: Path) -> Receipt:
    return read_receipt(folder)


@pytest.fixture(scope="module")
def alone(folder: Path, receipt: Receipt) -> Pipeline:
    """The same pipeline in the process of the tests."""
    return Pipeline(partial(decoded_pixels, preprocess=receipt.preprocess), Network.load(folder, receipt))


@pytest.fixture(scope="module")
def pool(folder: Path, receipt: Receipt) -> Iterator[OpenedPool]:
    """Shared by the tests of a module; fails the test if no worker can be forked."""
    with opened_pool(folder, receipt, lambda: pytest.fail("the fork server is gone")) as opened:
        yield opened
