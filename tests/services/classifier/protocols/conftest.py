"""The callers of the protocols, as fixtures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.services.classifier.protocols.callers import CLIENTS_PYTHON, PLAIN, Call, Client


@pytest.fixture(scope="session")
def caller() -> Iterator[Callable[[str], Call]]:
    """A function from a caller's name to the caller; skips the test if its client is not installed."""
    clients: dict[str, Client] = {}
    with contextlib.ExitStack() as stack:

        def named(name: str) -> Call:
            if name in PLAIN:
                return PLAIN[name]
            if not CLIENTS_PYTHON.exists():
                pytest.skip("the clients are not installed: run `make clients`, or set CLIENTS_PYTHON")
            if name not in clients:
                clients[name] = Client(name)
                stack.callback(clients[name].close)
            return clients[name]

        yield named
