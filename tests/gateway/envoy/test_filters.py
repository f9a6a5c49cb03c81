"""The configuration of filters on a route."""

from gateway.api import read_api
from gateway.api_keys import Key
from gateway.envoy.filters import api_key_for, per_route
from gateway.envoy.messages import API_KEY
from gateway.runtime import Runtime
from tests.gateway.documents import one_path, with_key

ENABLED, DISABLED = Key("a", "1"), Key("b", "2", enabled=False)


def test_without_disabled_keys_every_consumer_is_allowed() -> None:
    assert "allowed_clients" not in api_key_for(Runtime(8080, (ENABLED,)))


def test_consumers_without_the_api_are_not_allowed() -> None:
    assert api_key_for(Runtime(8080, (ENABLED, DISABLED)))["allowed_clients"] == ["1"]


def test_if_no_consumer_is_enabled_the_list_of_allowed_ones_is_not_empty() -> None:
    """To Envoy, an empty list allows every consumer."""
    allowed = api_key_for(Runtime(8080, (DISABLED,)))["allowed_clients"]
    assert allowed
    assert "2" not in allowed


def test_a_forged_consumer_number_is_overwritten_on_every_route_with_a_key() -> None:
    assert api_key_for(Runtime(8080, (ENABLED,)))["forwarding"] == {"header": "x-apigateway-api-consumer-number"}


def test_only_operations_that_require_a_key_enable_its_filter() -> None:
    runtime = Runtime(8080, (ENABLED,))
    [guarded] = read_api(with_key("http://x.test")).operations
    [unguarded] = read_api(one_path("http://x.test")).operations
    assert set(per_route(guarded, runtime)) == {API_KEY}
    assert per_route(unguarded, runtime) == {}
