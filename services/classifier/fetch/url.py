"""Parse the URL of an image, and refuse those that are ambiguous or can only be private."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from services.classifier.fetch.ip_policy import NOT_PUBLIC, is_denied_name, is_public
from services.classifier.problems import UrlBlocked, UrlInvalid

MAX_LENGTH: Final = 8192
PORTS: Final = {"http": 80, "https": 443}
URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^][/?#:@\\]+)(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?",
    re.IGNORECASE,
)
# Browsers read a host as IPv4 if its last label is a decimal, octal or hexadecimal number.
NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
DOTTED: Final = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
# RFC 3986's characters of a path (and of a query, with `?`); the others are percent-encoded.
PATH_CHARACTERS: Final = "/%:@!$&'()*+,;="


@dataclass(frozen=True)
class Url:
    """An http or https URL; `path` includes the query and is ready to be sent."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parsed_url(text: str, *, loopback: bool = False) -> Url:
    """The parts of a URL; raises UrlInvalid, or UrlBlocked if its host can only be private.

    `loopback` allows any port, and the IP addresses of this machine: for tests.
    """
    if text[:5].lower() == "data:":
        raise UrlInvalid("`url` should begin with http:// or https://; send a `data:` URI as `inputs`.")
    if not 1 <= len(text) <= MAX_LENGTH:
        raise UrlInvalid(f"`url` should be an http or https URL of at most {MAX_LENGTH:,} characters.")
    if re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", text):
        raise UrlInvalid("`url` contains a space, a backslash or a control character; percent-encode it.")
    if re.match(r"[^/]*//[^/]*@", text):
        # Some parsers take b as the host of `http://a#@b/`.
        raise UrlInvalid("`url` contains a user name; remove it.")
    parts = URL.fullmatch(text)
    if not parts or not _urlsplit_agrees(text, parts["host"]):
        raise UrlInvalid("`url` should begin with http:// or https://, followed by a valid host and port.")
    scheme, host = parts["scheme"].lower(), _host(parts["host"].strip("[]"))
    port = int(parts["port"] or PORTS[scheme])
    if port not in (80, 443) and not (loopback and 0 < port < 1 << 16):
        raise UrlInvalid("`url` should use port 80 or 443.")
    if _is_private(host, loopback):
        raise UrlBlocked(NOT_PUBLIC)
    return Url(
        scheme, host, port, _path(parts["path"] or "/") + quote(parts["query"] or "", safe=PATH_CHARACTERS + "?")
    )


def _urlsplit_agrees(text: str, host: str) -> bool:
    """Whether the standard library finds the same host: a URL that two parsers read differently is not safe."""
    try:
        return urlsplit(text).hostname == host.strip("[]").lower()
    except ValueError:
        return False


def _host(name: str) -> str:
    """The host in lower case without a final dot; raises UrlBlocked if it is an IPv4 address in disguise."""
    plain = unicodedata.normalize("NFKC", unquote(name)).lower().removesuffix(".")
    if NUMERIC.fullmatch(plain) and not DOTTED.fullmatch(name):
        raise UrlBlocked(NOT_PUBLIC)
    if "%" in name or not name.isascii():
        raise UrlInvalid("The host in `url` should be ASCII; write international names in their xn-- form.")
    if ":" not in plain and not HOST_NAME.fullmatch(plain):
        raise UrlInvalid("The host in `url` is not a valid host name.")
    return plain


def _is_private(host: str, loopback: bool) -> bool:
    try:
        return not is_public(ipaddress.ip_address(host), loopback=loopback)
    except ValueError:
        return ":" in host or NUMERIC.fullmatch(host) is not None or is_denied_name(host)


def _path(path: str) -> str:
    """The path without dot segments, percent-encoded where needed."""
    # urljoin would take the first segment after `//` as a host.
    plain = path if path.startswith("//") else urljoin("/", path)
    return quote(plain, safe=PATH_CHARACTERS)
