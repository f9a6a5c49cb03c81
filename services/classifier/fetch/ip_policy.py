"""Which IP addresses and host names the service may connect to: public ones only."""

from __future__ import annotations

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The cloud's metadata server, which hands out credentials, is at 169.254.169.254 and fd20:ce::254.
DENIED: Final = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "Azure's platform services",
    "169.254.0.0/16": "link-local, including the metadata server",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarks",
    "198.51.100.0/24": "documentation",
    "199.36.153.4/30": "Google's restricted API address",
    "199.36.153.8/30": "Google's private API address",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved, including the broadcast address",
    "2001::/23": "protocol assignments, including Teredo tunnels",
    "2001:db8::/32": "documentation",
    "2600:2d00:2:1000::/64": "Google's private API address",
    "2600:2d00:2:2000::/64": "Google's restricted API address",
    "2002::/16": "6to4 tunnels, which embed an IPv4 address",
    "3fff::/20": "documentation",
}
# All of public IPv6. Loopback, link-local, private and multicast are outside, and every prefix that embeds IPv4.
PUBLIC_IPV6: Final = ipaddress.IPv6Network("2000::/3")
NETWORKS: Final = tuple(ipaddress.ip_network(row) for row in DENIED)
# Not `Address.is_loopback`: newer versions of Python count IPv4-mapped addresses in.
LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

# The metadata server, this machine and its local network; refused without a lookup.
DENIED_NAMES: Final = ("localhost", "metadata", "metadata.goog")
DENIED_SUFFIXES: Final = (".internal", ".local", ".localhost", ".home.arpa")

NOT_PUBLIC: Final = "The host in the URL is not on the public internet."


def is_public(address: Address, *, loopback: bool = False) -> bool:
    """Whether the service may connect to this address; `loopback` allows this machine, for tests."""
    if any(address in network for network in LOOPBACK):
        return loopback
    if address.version == 6 and (address not in PUBLIC_IPV6 or _is_isatap(address)):
        return False
    return not any(address in network for network in NETWORKS if network.version == address.version)


def is_denied_name(host: str) -> bool:
    """Whether a host name (lower case, no final dot) can only be local."""
    return "." not in host or host in DENIED_NAMES or host.endswith(DENIED_SUFFIXES)


def _is_isatap(address: ipaddress.IPv6Address) -> bool:
    """…:0:5efe:a.b.c.d, a tunnel to the IPv4 address in its last 32 bits."""
    return (int(address) >> 32) & 0xFDFFFFFF == 0x00005EFE
