"""A stranger's text -> where to connect, if every reader of addresses would read it alike."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import urllib3.util

from services.classifier.fetch.ip_policy import Address, is_denied_name
from services.classifier.problems import UrlBlocked, UrlInvalid

MAX_LENGTH = 2048
PORTS = {"http": 80, "https": 443}
# What a browser would take for an IPv4 address: the last part is a number, decimal, octal or hexadecimal.
NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
DOTTED = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
HOST_NAME = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


@dataclass(frozen=True)
class Target:
    """A checked address; `literal` is the host where that is an IP address."""

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None = None

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def at(self, address: str) -> str:
        """The same with an IP address in place of the host."""
        host = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parsed_target(url: str, *, any_port: bool = False) -> Target:
    """The parts of an address; raises UrlInvalid, or UrlBlocked where its host can only be a private one."""
    if not 1 <= len(url) <= MAX_LENGTH:
        raise UrlInvalid(f"`url` should be an http or https address of at most {MAX_LENGTH} characters.")
    if re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", url):
        raise UrlInvalid("`url` holds a space, a backslash or a control character.")
    if re.match(r"[^/]*//[^/]*@", url):
        # In `http://a#@b/` some readers take b for the host.
        raise UrlInvalid("`url` holds a user name; leave it out.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as err:
        raise UrlInvalid("`url` is not an address.") from err
    if parts.scheme not in PORTS or not parts.hostname:
        raise UrlInvalid("`url` should begin with http:// or https:// and name a host.")
    if re.search(r":(?![0-9]*$)", parts.netloc.rpartition("]")[2]) or port == 0:
        raise UrlInvalid("`url` has a port that is none.")
    host, path = _host(parts.hostname), _path_if_agreed(url, parts.hostname)
    if port not in (None, 80, 443) and not any_port:
        raise UrlInvalid("`url` should use port 80 or 443.")
    literal = _literal(host)
    if literal is None and is_denied_name(host):
        raise UrlBlocked("The address is not on the public internet.")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path, literal)


def _host(name: str) -> str:
    """The host in lower case without a final dot, where no number hides in it."""
    plain = unicodedata.normalize("NFKC", unquote(name)).lower().removesuffix(".")
    if NUMERIC.fullmatch(plain) and not DOTTED.fullmatch(name):
        raise UrlBlocked("The address is not on the public internet.")
    if "%" in name or not name.isascii():
        raise UrlInvalid("`url` should name its host in plain ASCII letters; write xn--… for others.")
    if ":" not in plain and not HOST_NAME.fullmatch(plain):
        raise UrlInvalid("`url` names a host that cannot be.")
    return plain


def _path_if_agreed(url: str, host: str) -> str:
    """Path and query, from a second reader that must read the same host."""
    try:
        other = urllib3.util.parse_url(url)
    except (ValueError, urllib3.exceptions.LocationParseError) as err:
        raise UrlInvalid("`url` is not an address.") from err
    if other.auth is not None or (other.host or "").strip("[]").lower() != host:
        raise UrlInvalid("`url` can be read in more than one way.")
    return (other.path or "/") + (f"?{other.query}" if other.query is not None else "")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        if ":" in host or NUMERIC.fullmatch(host):
            raise UrlBlocked("The address is not on the public internet.") from None
        return None
