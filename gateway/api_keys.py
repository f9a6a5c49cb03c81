"""API keys, and the file that lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from gateway.document.yaml_file import YamlFileError, read_yaml

EXAMPLE = '`{key: local, consumer: "1111"}`'


class KeysError(ValueError):
    """The keys file is invalid; the message names the file and the entry."""


@dataclass(frozen=True)
class Key:
    """An API key, the number of the project it belongs to, and whether that project has enabled the API."""

    key: str = field(repr=False)
    consumer: str
    enabled: bool = True


def no_keys() -> tuple[Key, ...]:
    """A random key that nobody knows: without any key, Envoy could not tell a missing key from an invalid one."""
    return (Key(token_hex(32), "nobody", enabled=False),)


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys in a YAML list such as `- {key: local, consumer: "1111", enabled: true}`; `enabled` is optional."""
    try:
        entries = read_yaml(path)
    except YamlFileError as err:
        raise KeysError(err.at(path)) from err
    if not isinstance(entries, list):
        raise KeysError(f"{path}: should be a list of entries such as {EXAMPLE}")
    keys = [_key(f"{path}: entry {number}", entry) for number, entry in enumerate(entries, 1)]
    first: dict[str, int] = {}
    enabled: dict[str, bool] = {}
    for number, key in enumerate(keys, 1):
        if first.setdefault(key.key, number) != number:
            raise KeysError(f"{path}: entry {number}: has the same key as entry {first[key.key]}")
        if enabled.setdefault(key.consumer, key.enabled) != key.enabled:
            raise KeysError(f"{path}: entry {number}: consumer {key.consumer} is both enabled and disabled")
    return tuple(keys) or no_keys()


def _key(place: str, entry: object) -> Key:
    if not isinstance(entry, dict):
        raise KeysError(f"{place}: should be a mapping such as {EXAMPLE}")
    if unknown := sorted(map(str, entry.keys() - {"key", "consumer", "enabled"})):
        raise KeysError(f"{place}: {unknown[0]}: unknown field; the fields are key, consumer and enabled")
    enabled = entry.get("enabled", True)
    if not isinstance(enabled, bool):
        raise KeysError(f"{place}: enabled: should be true or false, not {enabled!r}")
    return Key(_text(place, entry, "key"), _text(place, entry, "consumer"), enabled)


def _text(place: str, entry: dict[str, object], name: str) -> str:
    value = entry.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise KeysError(f"{place}: {name}: should be a string of printable ASCII, not {value!r}")
    return value
