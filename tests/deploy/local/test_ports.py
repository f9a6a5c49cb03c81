"""Ports that `make run` chooses."""

from __future__ import annotations

import socket
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from deploy.local.ports import free_ports


def test_the_ports_of_the_gateway_and_the_page_are_not_chosen_for_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = iter((40001, 8080, 40003, 40005))

    def create_server(_: object) -> nullcontext[SimpleNamespace]:
        address = ("127.0.0.1", next(offered))
        return nullcontext(SimpleNamespace(getsockname=lambda: address))

    monkeypatch.setattr(socket, "create_server", create_server)
    assert free_ports(2, besides=(8080, 8501)) == [40001, 40003]
