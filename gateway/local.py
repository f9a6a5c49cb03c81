"""What the document does not say and one machine must: the port, the keys, where backends really are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import yaml

from gateway.routes import Origin


class KeysError(ValueError):
    """The keys file cannot be used; the message names the file and the entry."""


@dataclass(frozen=True)
class Key:
    """An API key, its consumer's project number, and whether the API is enabled for that project."""

    key: str = field(repr=False)
    consumer: str
    enabled: bool = True


@dataclass(frozen=True)
class Local:
    """How the gateway stands on this machine.

    `elsewhere` maps the origins of backends to where they really listen, `jwks` a JWKS address (or an issuer) to the
    key set itself, and `id_tokens` an audience to the token that backends of that audience are sent.
    """

    port: int
    keys: tuple[Key, ...]
    address: str = "127.0.0.1"
    elsewhere: Mapping[Origin, Origin] = field(default_factory=dict)
    jwks: Mapping[str, str] = field(default_factory=dict)
    id_tokens: Mapping[str, str] = field(default_factory=dict)
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"


def nobody() -> tuple[Key, ...]:
    """Stands in for no keys at all: Envoy tells missing keys from wrong ones only beside one, which nobody knows."""
    return (Key(token_hex(32), "nobody", enabled=False),)


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys in a file such as `- {key: local, consumer: "1111"}`, with `enabled: false` where the API is not."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise KeysError(f"{path}: cannot be read: {err.strerror}") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise KeysError(f"{path}: is not YAML: {str(err).splitlines()[0]}") from err
    if not isinstance(entries, list):
        raise KeysError(f'{path}: should be a list such as `- {{key: local, consumer: "1111"}}`')
    keys = [_key(path, number, entry) for number, entry in enumerate(entries, 1)]
    enabled: dict[str, bool] = {}
    for number, key in enumerate(keys, 1):
        if [other.key for other in keys].count(key.key) > 1:
            raise KeysError(f"{path}: entry {number}: the same key stands there twice")
        if enabled.setdefault(key.consumer, key.enabled) != key.enabled:
            raise KeysError(f"{path}: entry {number}: consumer {key.consumer} is enabled once and once not")
    return tuple(keys) or nobody()


def _key(path: Path, number: int, entry: object) -> Key:
    place = f"{path}: entry {number}"
    if not isinstance(entry, dict):
        raise KeysError(f'{place}: should be a mapping such as `{{key: local, consumer: "1111"}}`')
    if unknown := sorted(map(str, entry.keys() - {"key", "consumer", "enabled"})):
        raise KeysError(f"{place}: {unknown[0]}: is not a field; there are key, consumer and enabled")
    for name in ("key", "consumer"):
        value = entry.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            entry[name] = str(value)
        elif not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
            raise KeysError(f"{place}: {name}: should be a string of printable ASCII, not {value!r}")
    if not isinstance(entry.get("enabled", True), bool):
        raise KeysError(f"{place}: enabled: should be true or false")
    return Key(entry["key"], entry["consumer"], entry.get("enabled", True))
