"""The page's settings, read from the environment once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

SAMPLES = Path(__file__).parent / "assets" / "samples"


class SettingsError(Exception):
    """A variable is missing or invalid; the message is one line that names it and how to fix it."""


@dataclass(frozen=True)
class Settings:
    """The gateway's address and API key, where the page listens, and which origins besides its own may use it.

    `idle_minutes` is after how long without use a tab disconnects.

    `shown_key` is the key in the page's code examples; if None, they read the variable API_KEY. `api_key` stays secret.
    `samples`: the folder of the sample images that the page offers; None: it offers none.
    """

    gateway: str
    api_key: str = field(repr=False)
    shown_key: str | None = None
    host: str = "127.0.0.1"
    port: int = 8501
    allowed_origins: frozenset[str] = frozenset()
    samples: Path | None = SAMPLES
    idle_minutes: float = 15


@cache
def settings() -> Settings:
    """This process's settings, or SettingsError."""
    return read_settings(os.environ)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`.

    API_GATEWAY    the gateway's address, http(s)://HOST[:PORT]                    required
    API_KEY_FILE   the file that contains the API key; or API_KEY, the key itself  one of the two, required
    SHOWN_API_KEY  the key that the page's code examples show                      default: the variable API_KEY
    HOST, PORT     where the page listens                                          default: 127.0.0.1, 8501
    ALLOWED_ORIGINS  the page's origins behind a proxy that changes Host, comma-separated  default: none
    SAMPLES        a folder of sample images that suit the models, or `none`        default: three photos for ImageNet
    IDLE_MINUTES   after which an unused tab disconnects until it is used again; 0: never  default: 15
    """
    return Settings(
        gateway=_gateway(environment.get("API_GATEWAY", "").strip()),
        api_key=_api_key(environment),
        shown_key=environment.get("SHOWN_API_KEY") or None,
        host=environment.get("HOST") or "127.0.0.1",
        port=_port(environment.get("PORT", "8501")),
        allowed_origins=_origins(environment.get("ALLOWED_ORIGINS", "")),
        samples=_samples(environment.get("SAMPLES", "")),
        idle_minutes=_minutes(environment.get("IDLE_MINUTES", "15")),
    )


def _gateway(address: str) -> str:
    if not address:
        raise SettingsError("API_GATEWAY is not set: set it to the gateway's address, such as http://127.0.0.1:8080")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 0) >= 0
    except ValueError:  # such as an invalid port
        usable = None
    if not usable or parts.query or parts.fragment or parts.username or parts.password:
        raise SettingsError(f"API_GATEWAY must be an address such as http://127.0.0.1:8080, not {address!r}")
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
            raise SettingsError(f"API_KEY_FILE {file} is empty: it must contain the API key")
    if not key:
        raise SettingsError("API_KEY_FILE is not set: set it to the file that contains the API key (or set API_KEY)")
    if not key.isascii() or not key.isprintable():
        raise SettingsError("The API key must be one line of printable ASCII characters")
    return key


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise SettingsError(f"PORT must be a number from 0 to 65535, not {text!r}")
    return int(text)


def _samples(text: str) -> Path | None:
    if text == "none":
        return None
    folder = Path(text) if text else SAMPLES
    if not folder.is_dir():
        raise SettingsError(f"SAMPLES must be a folder or none, not {text!r}")
    return folder


def _minutes(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", text):
        raise SettingsError(f"IDLE_MINUTES must be a number such as 15, not {text!r}")
    return float(text)


def _origins(text: str) -> frozenset[str]:
    origins = frozenset(origin.strip().lower().rstrip("/") for origin in text.split(",") if origin.strip())
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.\[\]:-]+", origin):
            raise SettingsError(f"ALLOWED_ORIGINS must be origins such as https://page.example, not {origin!r}")
    return origins
