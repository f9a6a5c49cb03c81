"""Read settings from environment variables, check their type and range, and report all mistakes together."""

from __future__ import annotations

import re
from collections.abc import Mapping

PREFIX = "GUICHET_"


class SettingsError(Exception):
    """The settings are invalid; the message has one line per variable."""


class Environment:
    """Reads variables one by one and collects the mistakes; `finish` raises them.

    A variable that begins with GUICHET_ and was never read is a mistake too, most likely a typo; except those that
    Kubernetes sets for a Service: GUICHET_GATEWAY_SERVICE_HOST, GUICHET_GATEWAY_PORT, …
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._read: set[str] = set()
        self._problems: list[str] = []

    def text(self, name: str, default: str | None = None, *, pattern: str = r".+", meaning: str = "not empty") -> str:
        """The variable's text, which must match `pattern`; without a default it must be set."""
        value = self._value(name, default)
        if value is None:
            self._problems.append(f"{name}: is not set; it should be {meaning}")
            return ""
        if not re.fullmatch(pattern, value):
            self._problems.append(f"{name}: should be {meaning}, not {value!r}")
        return value

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        value = self._value(name, str(default)) or ""
        try:
            number = float(value)
            if least <= number <= most:
                return number
        except ValueError:
            pass
        self._problems.append(f"{name}: should be a number from {least:g} to {most:g}, not {value!r}")
        return default

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        value = self._value(name, str(default)) or ""
        if re.fullmatch(r"-?[0-9]{1,12}", value) and least <= int(value) <= most:
            return int(value)
        self._problems.append(f"{name}: should be a whole number from {least} to {most}, not {value!r}")
        return default

    def switch(self, name: str, default: bool) -> bool:
        """`on` or `off`."""
        return self.text(name, "on" if default else "off", pattern="on|off", meaning="on or off") == "on"

    def finish(self) -> None:
        """Raise SettingsError if any variable was invalid or unknown."""
        services = tuple(
            name.removesuffix("SERVICE_HOST") for name in self._variables if name.endswith("_SERVICE_HOST")
        )
        unknown = {name for name in self._variables if name.startswith(PREFIX) and not name.startswith(services)}
        unknown -= self._read
        problems = self._problems + [f"{name}: is not a variable of this service" for name in sorted(unknown)]
        if problems:
            raise SettingsError("\n".join(problems))

    def _value(self, name: str, default: str | None) -> str | None:
        self._read.add(name)
        return self._variables.get(name, default)
