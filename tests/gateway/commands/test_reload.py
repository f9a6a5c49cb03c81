"""Changes of the document, the keys and the key sets while the gateway runs."""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.process import wait_for
from gateway.commands.serve import ConfigurationErrors, Loader, Options
from tests.gateway.documents import one_path, with_issuer, with_key
from tests.gateway.echo_backend import Echo, echo_backend
from tests.gateway.http_client import send_on
from tests.gateway.jwt_issuer import JwtIssuer
from tests.gateway.running_gateway import RunningGateway, serving
from tests.hostile_documents import HOSTILE_DOCUMENTS

pytestmark = pytest.mark.integration


def write(gateway: RunningGateway, changed: Mapping[str, Any]) -> None:
    """Replace the document's file, as most editors do."""
    new = gateway.document.with_suffix(".new")
    new.write_text(json.dumps(changed))
    new.replace(gateway.document)


def reloaded(gateway: RunningGateway, times: int = 1) -> bool:
    return sum(line.startswith("reloaded") for line in gateway.errors) >= times


def refused(gateway: RunningGateway) -> bool:
    return any(line.startswith("not reloaded") for line in gateway.errors)


def test_a_request_in_flight_is_finished_after_its_path_and_backend_are_removed(tmp_path: Path) -> None:
    with echo_backend("old") as old, echo_backend("new") as new, serving(tmp_path, one_path(old.url)) as gateway:
        slow: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: slow.append(gateway.send("GET /x?hold").json))
        thread.start()
        wait_for(old.held.is_set, 10, "the request to arrive")
        write(gateway, one_path(new.url, "/y"))
        wait_for(lambda: gateway.send("GET /y").status == 200, 10, "the new document")
        assert gateway.send("GET /y").json["backend"] == "new"
        assert gateway.send("GET /x").status == 404
        # Two more changes: by now the gateway has dropped the former backend.
        write(gateway, one_path(new.url, "/z"))
        wait_for(lambda: reloaded(gateway, 2), 10, "the second change")
        write(gateway, one_path(new.url, "/w"))
        wait_for(lambda: reloaded(gateway, 3), 10, "the third change")
        old.hold.set()
        thread.join(10)
        assert slow
        assert slow[0]["backend"] == "old"


def test_no_request_fails_while_the_document_changes(tmp_path: Path, rose: Echo) -> None:
    """Both kinds of change: of routes alone, and of what needs a new listener, such as issuers."""
    issuer = JwtIssuer("https://issuer.test", "a", "HS256")
    (tmp_path / "jwks.json").write_text(issuer.jwks)
    plain = one_path(rose.url, "/open")
    guarded = with_issuer(rose.url, **{"x-google-issuer": issuer.name})
    plain["paths"]["/open"]["get"]["operationId"] = "open"
    guarded["paths"] |= plain["paths"]
    with serving(tmp_path, plain, f"--jwks={issuer.name}={tmp_path / 'jwks.json'}") as gateway:
        stop = threading.Event()
        statuses: list[int] = []
        errors: list[Exception] = []

        def keep_sending(keep_alive: bool) -> None:
            connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
            while not stop.is_set():
                try:
                    statuses.append(send_on(connection, "GET /open").status)
                except OSError as err:
                    errors.append(err)
                if not keep_alive:
                    connection.close()
            connection.close()

        threads = [threading.Thread(target=keep_sending, args=(keep,)) for keep in (True, False)]
        for thread in threads:
            thread.start()
        for times, changed in enumerate((guarded, plain, guarded), 1):
            write(gateway, changed)
            wait_for(partial(reloaded, gateway, times), 10, "the change")
        assert gateway.send("GET /x").message == "Jwt is missing"
        assert gateway.send("GET /x", {"authorization": f"Bearer {issuer.token()}"}).status == 200
        stop.set()
        for thread in threads:
            thread.join(10)
    assert not errors
    assert len(statuses) > 10
    assert set(statuses) == {200}


def test_an_open_connection_gets_the_new_document(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        assert send_on(connection, "GET /x").status == 200
        write(gateway, one_path(rose.url, "/y"))
        wait_for(lambda: reloaded(gateway), 10, "the change")
        assert send_on(connection, "GET /x").status == 404
        assert send_on(connection, "GET /y").status == 200
        connection.close()


def test_a_changed_keys_file_is_reloaded(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, with_key(rose.url)) as gateway:
        assert gateway.send("GET /x", {"x-api-key": "late"}).status == 400
        (tmp_path / "keys.yaml").write_text('- {key: late, consumer: "3"}')
        wait_for(lambda: reloaded(gateway), 10, "the change")
        assert gateway.send("GET /x", {"x-api-key": "late"}).status == 200
        assert gateway.send("GET /x", {"x-api-key": "good"}).status == 400


def test_a_change_that_cannot_be_served_is_explained_and_ignored(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        for invalid in ("{", json.dumps(one_path("gopher://x"))):
            gateway.document.write_text(invalid)
            wait_for(lambda: refused(gateway), 10, "the explanation")
            assert gateway.send("GET /x").status == 200
            gateway.errors.clear()
        gateway.document.unlink()
        wait_for(lambda: refused(gateway), 10, "the explanation")
        write(gateway, one_path(rose.url, "/y"))
        wait_for(lambda: reloaded(gateway), 10, "the change")
        assert gateway.send("GET /y").status == 200


CHAIN = one_path("https://a.test") | {"definitions": {f"d{i}": {"$ref": f"#/definitions/d{i + 1}"} for i in range(300)}}
UNREADABLE = {**HOSTILE_DOCUMENTS, "a-chain-of-300-references": json.dumps(CHAIN).encode()}


@pytest.mark.parametrize("name", sorted(UNREADABLE.keys() - {"many-values"}))
def test_what_a_running_gateway_reads_again_fails_in_a_foreseen_way(tmp_path: Path, name: str) -> None:
    valid, hostile = tmp_path / "valid.yaml", tmp_path / "hostile.yaml"
    valid.write_text(json.dumps(one_path("https://a.test")))
    hostile.write_bytes(UNREADABLE[name])
    for options in (
        Options(hostile, port=1),
        Options(valid, port=1, keys=hostile),
    ):
        with pytest.raises(ConfigurationErrors):
            Loader(options, lambda *_: None).load()
    # Envoy refuses some of the others.
    with suppress(*ConfigurationErrors):
        Loader(Options(valid, port=1, jwks={"https://issuer.test": hostile}), lambda *_: None).load()


@pytest.mark.thorough
def test_a_running_gateway_survives_every_unreadable_document_and_keys_file(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, with_key(rose.url)) as gateway:
        files = {file: file.read_bytes() for file in (gateway.document, tmp_path / "keys.yaml")}
        stop, statuses = threading.Event(), list[int]()

        def keep_sending() -> None:
            while not stop.is_set():
                statuses.append(gateway.send("GET /x", {"x-api-key": "good"}).status)

        thread = threading.Thread(target=keep_sending)
        thread.start()
        try:
            for file, valid in files.items():
                for content in UNREADABLE.values():
                    file.write_bytes(content)
                    wait_for(lambda: refused(gateway), 20, "the explanation")
                    gateway.errors.clear()
                file.write_bytes(valid)
        finally:
            stop.set()
            thread.join(10)
        wait_for(lambda: reloaded(gateway), 10, "the valid files")
        assert set(statuses) == {200}
