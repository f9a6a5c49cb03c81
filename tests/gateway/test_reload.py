"""What follows when the document, or what stands beside it, changes while the gateway runs."""

import json
import threading
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.gateway.asking import ask_on
from tests.gateway.echo import Echo, echo
from tests.gateway.issuing import Issuer
from tests.gateway.serving import (
    API_KEY,
    Gateway,
    document,
    one_path,
    operation,
    serving,
)
from tests.running import wait_for


def write(gateway: Gateway, changed: Mapping[str, Any]) -> None:
    """Change the document as editors do: another file takes its place."""
    beside = gateway.document.with_suffix(".new")
    beside.write_text(json.dumps(changed))
    beside.replace(gateway.document)


def reloaded(gateway: Gateway, times: int = 1) -> bool:
    return sum(line.startswith("reloaded") for line in gateway.errors) >= times


def test_a_changed_document_is_served_without_dropping_a_request(tmp_path: Path) -> None:
    """A request that is under way when its route and its backend disappear is still answered."""
    with echo("old") as old, echo("new") as new, serving(tmp_path, one_path(old.url)) as gateway:
        slow: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: slow.append(gateway.ask("GET /x?hold").json))
        thread.start()
        wait_for(old.held.is_set, 10, "the request to arrive")
        write(gateway, one_path(new.url, "/y"))
        wait_for(lambda: gateway.ask("GET /y").status == 200, 10, "the new document")
        assert gateway.ask("GET /y").json["backend"] == "new"
        assert gateway.ask("GET /x").status == 404
        # Twice more: the backend is by now in no document that is remembered.
        write(gateway, one_path(new.url, "/z"))
        wait_for(lambda: reloaded(gateway, 2), 10, "the second change")
        write(gateway, one_path(new.url, "/w"))
        wait_for(lambda: reloaded(gateway, 3), 10, "the third change")
        old.hold.set()
        thread.join(10)
        assert slow
        assert slow[0]["backend"] == "old"


def test_requests_keep_succeeding_while_the_document_changes_and_changes(tmp_path: Path, rose: Echo) -> None:
    """Every kind of change: routes alone, and what changes the listener (keys, issuers, quotas)."""
    issuer = Issuer("https://issuer.test", "a", "HS256")
    (tmp_path / "jwks.json").write_text(issuer.jwks)
    scheme = {"type": "oauth2", "flow": "implicit", "authorizationUrl": "", "x-google-issuer": issuer.name}
    guarded = operation(rose.url) | {"security": [{"jwt": []}]}
    plain = document({"/x": {"get": operation(rose.url)}})
    with_issuer = document(
        {"/x": {"get": operation(rose.url)}, "/jwt": {"get": guarded}},
        securityDefinitions={"jwt": {**scheme, "x-google-audiences": "a"}},
    )
    with serving(tmp_path, plain, f"--jwks={issuer.name}={tmp_path / 'jwks.json'}") as gateway:
        stop = threading.Event()
        statuses: list[int] = []
        faults: list[Exception] = []

        def keep_asking(keep_alive: bool) -> None:
            connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
            while not stop.is_set():
                try:
                    statuses.append(ask_on(connection, "GET /x").status)
                except OSError as err:
                    faults.append(err)
                if not keep_alive:
                    connection.close()
            connection.close()

        threads = [threading.Thread(target=keep_asking, args=(keep,)) for keep in (True, False)]
        for thread in threads:
            thread.start()
        for times, changed in enumerate((with_issuer, plain, with_issuer), 1):
            write(gateway, changed)
            wait_for(lambda times=times: reloaded(gateway, times), 10, "the change")
        assert gateway.ask("GET /jwt").message == "Jwt is missing"
        assert gateway.ask("GET /jwt", {"authorization": f"Bearer {issuer.token()}"}).status == 200
        stop.set()
        for thread in threads:
            thread.join(10)
    assert not faults
    assert len(statuses) > 10
    assert set(statuses) == {200}


def test_a_connection_that_stays_open_meets_the_new_document(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        assert ask_on(connection, "GET /x").status == 200
        write(gateway, one_path(rose.url, "/y"))
        wait_for(lambda: reloaded(gateway), 10, "the change")
        assert ask_on(connection, "GET /x").status == 404
        assert ask_on(connection, "GET /y").status == 200
        connection.close()


def test_a_changed_keys_file_is_followed(tmp_path: Path, rose: Echo) -> None:
    guarded = document({"/x": {"get": operation(rose.url, key=True)}}, securityDefinitions=API_KEY)
    with serving(tmp_path, guarded) as gateway:
        assert gateway.ask("GET /x", {"x-api-key": "late"}).status == 400
        (tmp_path / "keys.yaml").write_text('- {key: late, consumer: "3"}')
        wait_for(lambda: reloaded(gateway), 10, "the change")
        assert gateway.ask("GET /x", {"x-api-key": "late"}).status == 200
        assert gateway.ask("GET /x", {"x-api-key": "good"}).status == 400


def test_a_broken_change_is_explained_and_changes_nothing(tmp_path: Path, rose: Echo) -> None:
    with serving(tmp_path, one_path(rose.url)) as gateway:
        for broken in ("{", json.dumps(one_path("gopher://x"))):
            gateway.document.write_text(broken)
            wait_for(lambda: any("goes on as before" in line for line in gateway.errors), 10, "the complaint")
            assert gateway.ask("GET /x").status == 200
            gateway.errors.clear()
        gateway.document.unlink()
        wait_for(lambda: any("goes on as before" in line for line in gateway.errors), 10, "the complaint")
        write(gateway, one_path(rose.url, "/y"))
        wait_for(lambda: reloaded(gateway), 10, "the change")
        assert gateway.ask("GET /y").status == 200
