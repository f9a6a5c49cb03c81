"""Which hosts are connected to, and how: cases 1 to 7 and 16 of the hostile inputs."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from pathlib import Path

import pytest

from services.classifier.fetch.fetch import fetch_image
from services.classifier.fetch.ip_policy import DENIED
from services.classifier.fetch.transport import MAX_LOOKUPS, PublicNetwork, system_resolve
from services.classifier.problems import FetchFailed, FetchTimeout, UrlBlocked
from services.problems import Overloaded
from tests.services.classifier.fetch.authority import Authority
from tests.services.classifier.fetch.fetching import IMAGE, MAX_BYTES, NAME, PUBLIC, Recorder, fetched, public_site
from tests.services.classifier.fetch.sites import response, says
from tests.services.classifier.fetch.urls import BLOCKED

pytestmark = pytest.mark.integration

OTHER = "93.184.215.15"
PRIVATE = [
    *(str(network[min(1, network.num_addresses - 1)]) for network in map(ipaddress.ip_network, DENIED)),
    *("::1", "::", "fc00::1", "fd20:ce::254", "fe80::1", "fec0::1", "ff02::1", "100::1", "5f00::1"),
    *("::169.254.169.254", "::ffff:169.254.169.254", "::ffff:0:a9fe:a9fe", "64:ff9b::a9fe:a9fe"),
]


@pytest.mark.parametrize("url", BLOCKED.values(), ids=BLOCKED)
def test_a_blocked_url_causes_no_lookup_and_no_connection(url: str) -> None:
    recorder = Recorder()
    with pytest.raises(UrlBlocked):
        fetched(url, recorder, loopback=False)
    assert not recorder.lookups
    assert not recorder.connections


@pytest.mark.parametrize("address", [*PRIVATE, "127.0.0.1", "fe80::1%eth0"])
def test_a_name_with_a_private_address_is_blocked(address: str) -> None:
    recorder = Recorder({NAME: [[address]]})
    with pytest.raises(UrlBlocked):
        fetched(f"http://{NAME}/", recorder, loopback=False)
    assert recorder.lookups == [NAME]
    assert not recorder.connections


def test_an_unknown_name_and_a_private_one_look_the_same() -> None:
    problems = []
    for names in ({}, {NAME: [["10.0.0.1"]]}):
        with pytest.raises(UrlBlocked) as caught:
            fetched(f"http://{NAME}/", Recorder(dict(names)))
        problems.append(caught.value.detail)
    assert len(set(problems)) == 1


def test_names_are_resolved_as_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the domains of this network are not searched."""
    names = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        names.append(host)
        return [(0, 0, 0, "", (PUBLIC, 80))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert system_resolve("a.example", 80) == [PUBLIC]
    assert names == ["a.example."]


@pytest.mark.parametrize(
    "addresses",
    [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], ["fd00::1", PUBLIC], [PUBLIC, "::ffff:10.0.0.1"]],
    ids=["private-last", "private-first", "private-ipv6", "mapped"],
)
def test_one_private_address_among_several_blocks_the_name(addresses: list[str]) -> None:
    recorder = Recorder({NAME: [addresses]})
    with pytest.raises(UrlBlocked):
        fetched(f"http://{NAME}/", recorder)
    assert not recorder.connections


def test_a_name_is_resolved_once_and_that_address_is_connected_to() -> None:
    with public_site(says(response(IMAGE))) as (_, recorder):
        recorder.names[NAME] = [[PUBLIC], ["169.254.169.254"]]
        assert fetched(f"http://{NAME}/", recorder) == IMAGE
    assert recorder.lookups == [NAME]
    assert recorder.connections == [(PUBLIC, 80)]


def test_the_peer_of_a_connection_is_checked_before_a_byte_is_sent() -> None:
    """As if all other checks had failed: the connection to a public address arrives at this machine."""
    with public_site(says(response(IMAGE))) as (served, recorder), pytest.raises(UrlBlocked):
        fetched(f"http://{NAME}/", recorder, loopback=False)
    assert recorder.connections == [(PUBLIC, 80)]
    assert b"".join(served.requests) == b""


def test_the_next_address_is_tried_if_the_first_refuses() -> None:
    with public_site(says(response(IMAGE))) as (_, recorder), socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        recorder.names[NAME] = [[OTHER, PUBLIC]]
        recorder.ports[OTHER] = closed.getsockname()[1]
        assert fetched(f"http://{NAME}/", recorder) == IMAGE
    assert recorder.connections == [(OTHER, 80), (PUBLIC, 80)]


def test_the_next_address_is_tried_if_the_first_does_not_respond() -> None:
    with public_site(says(response(IMAGE))) as (_, recorder), contextlib.ExitStack() as stack:
        recorder.names[NAME] = [[OTHER, PUBLIC]]
        recorder.ports[OTHER] = unresponsive_port(stack)
        assert fetched(f"http://{NAME}/", recorder, seconds=1) == IMAGE
    assert recorder.connections == [(OTHER, 80), (PUBLIC, 80)]


def unresponsive_port(stack: contextlib.ExitStack) -> int:
    """A port whose queue of connections is full: SYN packets get no response, as if the host did not exist."""
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
    port: int = listener.getsockname()[1]
    return port


def test_a_connection_that_is_never_accepted_times_out() -> None:
    with contextlib.ExitStack() as stack:
        recorder = Recorder({NAME: [[PUBLIC]]}, {PUBLIC: unresponsive_port(stack)})
        with pytest.raises(FetchTimeout):
            fetched(f"http://{NAME}/", recorder, seconds=0.5)


def test_a_tls_handshake_without_a_response_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        recorder = Recorder({NAME: [[PUBLIC]]}, {PUBLIC: listener.getsockname()[1]})
        with pytest.raises(FetchTimeout):
            fetched(f"https://{NAME}/", recorder, seconds=0.5)


def test_hanging_lookups_time_out_and_their_threads_are_bounded() -> None:
    release = threading.Event()
    lookups = []

    def resolve(host: str, _port: int) -> list[str]:
        lookups.append(host)
        release.wait(30)
        return [PUBLIC]

    async def fetch_many() -> list[bytes | BaseException]:
        network = PublicNetwork(resolve=resolve)
        fetches = [fetch_image(f"http://{NAME}/", network, seconds=0.5, max_bytes=MAX_BYTES) for _ in range(12)]
        return await asyncio.gather(*fetches, return_exceptions=True)

    try:
        # The lookups have not ended yet.
        assert [type(result) for result in asyncio.run(fetch_many())] == [FetchTimeout] * 12
        assert len(lookups) == MAX_LOOKUPS
    finally:
        release.set()


def test_many_fetches_share_one_thread_and_a_few_for_lookups() -> None:
    threads = set()

    class Watching(Recorder):
        def resolve(self, host: str, port: int) -> list[str]:
            threads.add(threading.get_ident())
            return super().resolve(host, port)

    async def fetch_many(recorder: Recorder) -> list[bytes]:
        network = recorder.network()
        fetches = [fetch_image(f"http://{NAME}/", network, seconds=10, max_bytes=MAX_BYTES) for _ in range(40)]
        return await asyncio.gather(*fetches)

    with public_site(says(response(IMAGE))) as (served, _):
        assert asyncio.run(fetch_many(Watching({NAME: [[PUBLIC]]}, {PUBLIC: served.port}))) == [IMAGE] * 40
    assert len(threads) <= MAX_LOOKUPS


def test_a_lookup_that_cannot_start_a_thread_is_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(Overloaded):
        fetched(f"http://{NAME}/", Recorder({NAME: [[PUBLIC]]}))


@pytest.mark.parametrize(
    ("scheme", "sent"),
    [
        pytest.param("http", b"", id="head"),
        pytest.param("http", response(b"x", content_length="1000"), id="body"),
        pytest.param("https", b"", id="tls-handshake"),
    ],
)
def test_cancelling_closes_the_connection_at_once(scheme: str, sent: bytes) -> None:
    requested, closed = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(1)
            sock.sendall(sent)
            requested.set()
            with contextlib.suppress(ConnectionError):
                while sock.recv(4096):
                    continue
            closed.set()

    async def cancel(network: PublicNetwork) -> None:
        fetch = asyncio.create_task(fetch_image(f"{scheme}://{NAME}/", network, seconds=30, max_bytes=MAX_BYTES))
        assert await asyncio.to_thread(requested.wait, 5)
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        assert await asyncio.to_thread(closed.wait, 5)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener], daemon=True)
        thread.start()
        asyncio.run(cancel(Recorder({NAME: [[PUBLIC]]}, {PUBLIC: listener.getsockname()[1]}).network()))
        thread.join(5)


def test_the_certificate_must_be_for_the_host_name(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    with public_site(says(response(IMAGE)), tls=authority.context(NAME)) as (served, recorder):
        assert fetched(f"https://{NAME}/", recorder, authorities=authority.file) == IMAGE
        assert recorder.connections == [(PUBLIC, 443)]
        assert f"Host: {NAME}\r\n".encode() in served.requests[0]


@pytest.mark.parametrize("host", ["other.example", PUBLIC], ids=["another-name", "the-address"])
def test_a_certificate_for_anything_but_the_host_name_is_refused(tmp_path: Path, host: str) -> None:
    authority = Authority.new(tmp_path)
    with public_site(says(response(IMAGE)), tls=authority.context(host)) as (served, recorder):
        with pytest.raises(FetchFailed, match="certificate"):
            fetched(f"https://{NAME}/", recorder, authorities=authority.file)
        assert b"".join(served.requests) == b""


def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    with public_site(says(response(IMAGE)), tls=authority.context(NAME)) as (served, recorder):
        with pytest.raises(FetchFailed, match="certificate"):
            fetched(f"https://{NAME}/", recorder)
        assert b"".join(served.requests) == b""


def test_an_ip_address_as_host_needs_a_certificate_for_it(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    with public_site(says(response(IMAGE)), tls=authority.context(PUBLIC)) as (_, recorder):
        assert fetched(f"https://{PUBLIC}/", recorder, authorities=authority.file) == IMAGE
        assert not recorder.lookups


def test_the_tls_handshake_contains_the_host_name(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    context = authority.context(NAME)
    names = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with public_site(says(response(IMAGE)), tls=context) as (_, recorder):
        assert fetched(f"https://{NAME}/", recorder, authorities=authority.file) == IMAGE
    assert names == [NAME]
