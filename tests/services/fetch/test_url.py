"""Which addresses are refused before anybody is asked for anything.

Cases 1 to 5, 11 and 12 of the hostile inputs.
"""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.fetch.ip_policy import DENIED, is_public
from services.classifier.fetch.url import parsed_target
from services.classifier.problems import UrlBlocked, UrlInvalid

LONG_METADATA = "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
BLOCKED = {
    # Case 1: the metadata server's address; case 2: its names, and those of this machine's surroundings.
    "metadata": LONG_METADATA,
    "metadata-over-tls": "https://169.254.169.254/",
    "metadata-internal": "http://metadata.google.internal/",
    "metadata-short": "http://metadata/",
    "metadata-dot": "http://metadata.google.internal./",
    "metadata-case": "http://MetaData.Google.Internal/",
    "metadata-goog": "http://metadata.goog/",
    "localhost": "http://localhost/",
    "below-localhost": "http://a.localhost/",
    "single-label": "http://kubernetes/",
    "cluster": "http://kubernetes.default.svc.cluster.local/",
    "home": "http://router.home.arpa/",
    # Case 3: other ways to write an IPv4 address.
    "decimal": "http://2852039166/",
    "hexadecimal": "http://0xa9fea9fe/",
    "octal": "http://0251.0376.0251.0376/",
    "two-parts": "http://127.1/",
    "three-parts": "http://169.254.43518/",
    "mixed": "http://0xa9.254.0251.254/",
    "leading-zeros": "http://127.000.000.001/",
    "final-dot": "http://169.254.169.254./",
    "circled-digits": "http://\u2460\u2461\u2466.0.0.1/",
    "full-width-digits": "http://\uff11\uff12\uff17.0.0.1/",
    "percent-encoded": "http://%31%32%37.0.0.1/",
    "too-many-parts": "http://1.2.3.4.5/",
    "part-too-large": "http://256.1.1.1/",
    "hexadecimal-nothing": "http://0x/",
    "number-as-last-label": "http://example.0/",
    # Case 4: IPv6 addresses that hold an IPv4 address.
    "mapped": "http://[::ffff:169.254.169.254]/",
    "mapped-in-hexadecimal": "http://[::ffff:a9fe:a9fe]/",
    "compatible": "http://[::169.254.169.254]/",
    "translated": "http://[::ffff:0:169.254.169.254]/",
    "nat64": "http://[64:ff9b::a9fe:a9fe]/",
    "nat64-local": "http://[64:ff9b:1::a9fe:a9fe]/",
    "6to4": "http://[2002:a9fe:a9fe::]/",
    "teredo": "http://[2001:0:a9fe:a9fe::1]/",
    "isatap": "http://[2600:1901::5efe:a9fe:a9fe]/",
    "isatap-global": "http://[2600:1901::200:5efe:169.254.169.254]/",
}
INVALID = {
    # Case 11: what is no http address.
    "file": "file:///etc/passwd",
    "ftp": "ftp://example.com/a.jpg",
    "gopher": "gopher://example.com/",
    "data": "data:image/png;base64,AAAA",
    "dict": "dict://example.com:11211/",
    "javascript": "javascript:alert(1)",
    "jar": "jar:http://example.com!/",
    "ws": "ws://example.com/",
    "no-scheme": "//example.com/",
    "no-host": "http:///a.jpg",
    "one-slash": "http:/example.com/",
    "no-slash": "http:example.com",
    "only-a-scheme": "http://",
    "empty": "",
    "a-word": "photo.jpg",
    "3000-characters": "http://example.com/" + "a" * 3000,
    # Case 12: credentials, ports, and what two readers take differently.
    "user": "http://a@example.com/",
    "user-and-password": "http://a:b@example.com/",
    "empty-user": "http://@example.com/",
    "port-22": "http://example.com:22/",
    "port-0": "http://example.com:0/",
    "port-99999": "http://example.com:99999/",
    "port-with-sign": "http://example.com:+80/",
    "port-with-space": "http://example.com: 80/",
    "port-word": "http://example.com:http/",
    "port-other-digits": "http://example.com:\u0668\u0660/",
    "backslash-at": "http://a.example\\@b.example/",
    "fragment-at": "http://a.example#@b.example/",
    "query-at": "http://a.example?@b.example/",
    "two-ats": "http://a.example@b.example@c.example/",
    "space": "http://a.example b.example/",
    "leading-space": " http://example.com/",
    "line-end": "http://example.com/\r\nHost: a",
    "line-end-in-host": "http://example.com\r\n.evil.example/",
    "tab": "http://exam\tple.com/",
    "nul": "http://example.com\x00.evil.example/",
    "homograph": "http://ex\u0430mple.com/",
    "other-dot": "http://example\u3002com/",
    "soft-hyphen": "http://exam\u00adple.com/",
    "zone": "http://[fe80::1%25eth0]/",
    "percent-in-host": "http://example%2ecom/",
    "bracket": "http://[::1/",
    "bracket-word": "http://[example.com]/",
    "two-colons": "http://example.com:80:80/",
    "label-too-long": "http://" + "a" * 64 + ".example/",
    "name-too-long": "http://" + "a." * 127 + "example/",
    "empty-label": "http://a..example/",
    "half-a-character": "http://example.com/\ud800",
}


@pytest.mark.parametrize("url", BLOCKED.values(), ids=BLOCKED)
def test_an_address_that_can_only_be_private_is_blocked(url: str) -> None:
    with pytest.raises(UrlBlocked):
        require_public(url)


def require_public(url: str) -> None:
    """As the fetching module does it, up to where it would ask for a name."""
    target = parsed_target(url)
    if target.literal and not is_public(target.literal):
        raise UrlBlocked("The address is not on the public internet.")


@pytest.mark.parametrize("url", INVALID.values(), ids=INVALID)
def test_what_is_not_plainly_an_http_address_is_invalid(url: str) -> None:
    with pytest.raises(UrlInvalid):
        parsed_target(url)


@pytest.mark.parametrize("row", DENIED)
@pytest.mark.parametrize("which", ["first", "last"])
def test_every_row_of_the_table_is_denied_to_its_ends(row: str, which: str) -> None:
    network = ipaddress.ip_network(row)
    assert not is_public(network[0] if which == "first" else network[-1])


# Case 5, and what lies on both sides of some rows.
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
def test_an_address_off_the_public_internet_is_denied(address: str) -> None:
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
def test_an_address_of_the_public_internet_is_not_denied(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_only_loopback_itself_is_allowed_to_tests() -> None:
    allowed = [str(ipaddress.ip_address(each)) for each in ("127.0.0.1", "127.9.9.9", "::1")]
    assert all(is_public(ipaddress.ip_address(each), loopback=True) for each in allowed)
    for other in ("10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1", "0.0.0.0"):
        assert not is_public(ipaddress.ip_address(other), loopback=True)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_outside_the_public_eighth_is_public(address: ipaddress.IPv6Address) -> None:
    assert not is_public(address) or int(address) >> 125 == 1


@given(st.ip_addresses(v=4))
def test_no_private_address_is_public_as_python_sees_it(address: ipaddress.IPv4Address) -> None:
    assert not is_public(address) or address.is_global


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("http://example.com", "example.com", 80, "/", "example.com"),
        ("https://example.com/a.jpg", "example.com", 443, "/a.jpg", "example.com"),
        ("HTTPS://EXAMPLE.com:443/a?b=c#d", "example.com", 443, "/a?b=c", "example.com"),
        ("http://example.com:443/", "example.com", 443, "/", "example.com:443"),
        ("http://example.com./a", "example.com", 80, "/a", "example.com"),
        ("http://xn--exmple-cua.com/", "xn--exmple-cua.com", 80, "/", "xn--exmple-cua.com"),
        ("http://8.8.8.8/a", "8.8.8.8", 80, "/a", "8.8.8.8"),
        ("https://[2606:4700::1111]/a", "2606:4700::1111", 443, "/a", "[2606:4700::1111]"),
        ("http://example.com/a b".replace(" ", "%20"), "example.com", 80, "/a%20b", "example.com"),
        ("http://example.com/@a", "example.com", 80, "/@a", "example.com"),
    ],
)
def test_a_good_address_is_taken_apart(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = parsed_target(url)
    assert (target.host, target.port, target.path, target.authority) == (host, port, path, authority)


@given(st.text(max_size=60) | st.text("ht:/@#?.[]%\\ 0123456789abcdefx", max_size=60).map("http://".__add__))
def test_no_text_whatever_is_anything_but_an_address_invalid_or_blocked(text: str) -> None:
    try:
        target = parsed_target(text)
    except (UrlInvalid, UrlBlocked):
        return
    assert target.scheme in ("http", "https")
    assert target.port in (80, 443)
    assert "@" not in target.authority
    assert target.host.isascii()
