"""Which IP addresses may be connected to: case 5 of the hostile inputs."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.fetch.ip_policy import DENIED, is_public


@pytest.mark.parametrize("row", DENIED)
@pytest.mark.parametrize("which", ["first", "last"])
def test_the_first_and_last_address_of_every_denied_network_are_denied(row: str, which: str) -> None:
    network = ipaddress.ip_network(row)
    assert not is_public(network[0] if which == "first" else network[-1])


# Case 5, and addresses next to some of its networks.
@pytest.mark.parametrize(
    "address",
    [
        *("0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.53", "169.254.169.254", "172.31.255.255"),
        *("192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"),
        *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
        *("199.36.153.4", "199.36.153.7", "199.36.153.8", "199.36.153.11"),
        *("::", "::1", "fc00::1", "fd20:ce::254", "fe80::1", "fec0::1", "ff02::1", "100::1", "2001::1", "2001:1ff::1"),
        *("2001:db8::1", "2002::1", "3fff::1", "5f00::1", "64:ff9b::1", "64:ff9b:1::1", "4000::1", "::ffff:8.8.8.8"),
        *("2600:2d00:2:1000::1", "2600:2d00:2:2000::1"),
    ],
)
def test_an_address_that_is_not_on_the_public_internet_is_denied(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "128.0.0.0"),
        *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0"),
        *("198.17.255.255", "198.20.0.0", "223.255.255.255", "199.36.153.3", "199.36.153.12"),
        *("2606:4700::1111", "2a00:1450::1", "2001:200::1", "2001:db7::1", "2001:db9::1", "2003::1"),
    ],
)
def test_an_address_on_the_public_internet_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_the_loopback_switch_allows_nothing_but_loopback() -> None:
    for allowed in ("127.0.0.1", "127.9.9.9", "::1"):
        assert is_public(ipaddress.ip_address(allowed), loopback=True)
    for other in ("10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1", "0.0.0.0"):
        assert not is_public(ipaddress.ip_address(other), loopback=True)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_outside_2000_3_is_public(address: ipaddress.IPv6Address) -> None:
    assert not is_public(address) or int(address) >> 125 == 1


@given(st.ip_addresses(v=4))
def test_no_address_that_python_calls_private_is_public(address: ipaddress.IPv4Address) -> None:
    assert not is_public(address) or address.is_global
