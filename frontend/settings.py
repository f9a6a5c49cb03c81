"""What the page is told from outside, read once: addresses, the key, and where to listen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """The page cannot start as told; the message is one line that names the variable and the remedy."""


@dataclass(frozen=True)
class Settings:
    """Where the gateway is, the key it wants, and where the page listens.

    `shown_key` is the key that the page may print in its examples; None prints a placeholder instead, so that the
    page's own key stays a secret.
    """

    gateway: str
    api_key: str = field(repr=False)
    shown_key: str | None = None
    host: str = "127.0.0.1"
    port: int = 8501


@cache
def settings() -> Settings:
    """This process's settings; SettingsError if the environment does not make sense."""
    return read_settings(os.environ)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`.

    API_GATEWAY    the gateway's address, http(s)://HOST[:PORT]                    required
    API_KEY_FILE   the file which holds the API key; or API_KEY, the key itself    one of the two, required
    SHOWN_API_KEY  the key that the page's examples show                           default: a placeholder
    HOST, PORT     where the page listens                                          default: 127.0.0.1, 8501
    """
    return Settings(
        gateway=_gateway(environment.get("API_GATEWAY", "").strip()),
        api_key=_api_key(environment),
        shown_key=environment.get("SHOWN_API_KEY") or None,
        host=environment.get("HOST") or "127.0.0.1",
        port=_port(environment.get("PORT", "8501")),
    )


def _gateway(address: str) -> str:
    if not address:
        raise SettingsError("API_GATEWAY is not set: it should be the gateway's address, such as http://127.0.0.1:8080")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 0) >= 0
    except ValueError:  # such as a port that is no number
        usable = None
    if not usable or parts.query or parts.fragment or parts.username or parts.password:
        raise SettingsError(f"API_GATEWAY should be an address such as http://127.0.0.1:8080, not {address!r}")
    return address.rstrip("/")


def _api_key(environment: Mapping[str, str]) -> str:
    file, key = environment.get("API_KEY_FILE", ""), environment.get("API_KEY", "").strip()
    if file:
        try:
            key = Path(file).read_text(encoding="utf-8").strip()
        except OSError as err:
            raise SettingsError(f"API_KEY_FILE {file} cannot be read: {err.strerror}") from err
        except UnicodeDecodeError as err:
            raise SettingsError(f"API_KEY_FILE {file} is not text") from err
        if not key:
            raise SettingsError(f"API_KEY_FILE {file} is empty: it should hold the API key")
    if not key:
        raise SettingsError("API_KEY_FILE is not set: it should name the file which holds the API key (or set API_KEY)")
    if not key.isascii() or not key.isprintable():
        raise SettingsError("The API key should be one line of printable ASCII characters")
    return key


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise SettingsError(f"PORT should be a number from 0 to 65535, not {text!r}")
    return int(text)
