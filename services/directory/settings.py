"""The settings of the directory, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.environment import Environment


@dataclass(frozen=True)
class Settings:
    """The published document's file, where to listen, and the origin that browsers may call from."""

    document: Path
    host: str
    port: int
    only_host: str
    origins: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Settings:
        """The settings; raises SettingsError with one line per invalid variable."""
        env = Environment(variables)
        settings = cls(
            document=Path(env.text("GUICHET_DOCUMENT", meaning="the file with the public document and its models")),
            host=env.text("HOST", "0.0.0.0", meaning="the address to listen on"),  # noqa: S104  # a container's own
            port=env.integer("PORT", 8000, least=1, most=65535),
            # On a shared machine, the gateway's secret name for this service, so that nothing else can call it.
            only_host=env.text("GUICHET_ONLY_HOST", "", pattern=r"[a-z0-9.-]*", meaning="a host name"),
            origins=env.text("GUICHET_ORIGINS", "*", pattern=r"\*|https?://[^\s,]+", meaning="* or one origin"),
        )
        env.finish()
        return settings
