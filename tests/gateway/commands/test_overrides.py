"""`--backend` and `--default-backend`: local servers instead of the documented backends."""

from pathlib import Path

import pytest

from gateway.api import Backend, PathTranslation
from gateway.envoy.clusters import backend_cluster
from gateway.origin import origin
from gateway.runtime import AddressPrefix, Runtime, Target
from tests.gateway.documents import document, one_path, operation, parameter
from tests.gateway.echo_backend import Echo
from tests.gateway.running_gateway import serving

SITE = origin("https://fn.test")
PREFIXES = ("", "/a", "/a/b")
OVERRIDES = {AddressPrefix(SITE, path): Target(origin(f"http://127.0.0.1:{9000 + len(path)}")) for path in PREFIXES}
RUNTIME = Runtime(8080, (), backend_overrides=OVERRIDES)


def backend(path: str, *, http2: bool = False) -> Backend:
    return Backend(SITE, path, PathTranslation.CONSTANT, 15000, None, http2)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ""),
        ("", ""),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a/c", "/a"),
        ("/a/b/c", "/a/b"),
        ("/ab", ""),
        ("/a/bc", "/a"),
    ],
)
def test_the_longest_prefix_of_whole_segments_counts(path: str, expected: str) -> None:
    assert RUNTIME.override(backend(path)) == AddressPrefix(SITE, expected)


def test_an_address_below_no_prefix_is_not_overridden() -> None:
    only = Runtime(8080, (), backend_overrides={AddressPrefix(SITE, "/a"): Target(origin("http://127.0.0.1:1"))})
    assert only.override(backend("/b")) is None
    assert only.override(backend("")) is None


@pytest.mark.parametrize(
    ("target", "http2"),
    [
        pytest.param(Target(origin("http://127.0.0.1:1")), False, id="http"),
        pytest.param(Target(origin("http://127.0.0.1:1"), h2c=True), True, id="h2c"),
        pytest.param(Target(origin("https://127.0.0.1:1")), True, id="https"),
    ],
)
def test_an_http_2_backend_is_called_with_the_protocol_of_its_local_server(target: Target, http2: bool) -> None:
    runtime = Runtime(8080, (), backend_overrides={AddressPrefix(SITE): target})
    cluster = backend_cluster(backend("", http2=True), runtime)
    assert ("typed_extension_protocol_options" in cluster) is http2


@pytest.mark.integration
def test_two_functions_of_one_origin_are_two_local_servers(tmp_path: Path, rose: Echo, tulip: Echo) -> None:
    functions = {
        f"/{name}": {"get": operation(f"https://fn.test/{name}", "CONSTANT_ADDRESS")} for name in ("hello", "bye", "hi")
    }
    arguments = (f"--backend=https://fn.test={rose.url}", f"--backend=https://fn.test/bye={tulip.url}")
    with serving(tmp_path, document(functions), *arguments) as gateway:
        assert gateway.errors == []
        for name, server in (("hello", "rose"), ("bye", "tulip"), ("hi", "rose")):
            response = gateway.send(f"GET /{name}").json
            assert (response["backend"], response["path"]) == (server, f"/{name}")
            assert response["headers"]["host"] == "fn.test"


@pytest.mark.integration
def test_an_http_2_backend_may_be_a_local_http_1_server(tmp_path: Path, rose: Echo) -> None:
    content = document({"/x": {"get": operation("https://b.test", protocol="h2")}})
    with serving(tmp_path, content, f"--backend=https://b.test={rose.url}") as gateway:
        assert gateway.send("GET /x").json["backend"] == "rose"


@pytest.mark.integration
def test_h2c_insists_on_http_2(tmp_path: Path, rose: Echo) -> None:
    target = rose.url.replace("http://", "h2c://")
    with serving(tmp_path, one_path("https://b.test"), f"--backend=https://b.test={target}") as gateway:
        assert gateway.send("GET /x").status == 502


@pytest.mark.integration
def test_a_document_without_backends_is_served_with_a_default_one(tmp_path: Path, rose: Echo, tulip: Echo) -> None:
    content = document({"/a/{id}": {"get": {"parameters": [parameter("id")]}}, "/b": {"get": operation(tulip.url)}})
    with serving(tmp_path, content, f"--default-backend={rose.url}/base") as gateway:
        response = gateway.send("GET /a/7?q=1").json
        assert (response["backend"], response["path"]) == ("rose", "/base/a/7?q=1")
        assert "authorization" not in response["headers"]
        assert gateway.send("GET /b").json["backend"] == "tulip"
