"""What the directory is told by its environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.catalog import DEFAULT_PATH
from services.web.environment import Environment


@dataclass(frozen=True)
class Settings:
    """Which models are served, and the files that describe them."""

    models: tuple[str, ...]
    catalog: Path
    document: Path
    host: str
    port: int
    origins: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Settings:
        """The settings; raises SettingsError with a line for each variable that is wrong."""
        env = Environment(variables)
        names = env.text("GUICHET_MODELS", pattern=r"[a-z0-9, -]+", meaning="the names of the models that are served")
        settings = cls(
            models=tuple(names.replace(",", " ").split()),
            catalog=Path(env.text("GUICHET_CATALOG", str(DEFAULT_PATH), meaning="the catalog's file")),
            document=Path(env.text("GUICHET_DOCUMENT", "openapi.json", meaning="the file with the public document")),
            host=env.text("HOST", "0.0.0.0", meaning="the address to listen on"),  # noqa: S104  # a container's own
            port=env.integer("PORT", 8000, least=1, most=65535),
            origins=env.text("GUICHET_ORIGINS", "*", pattern=r"\*|https?://[^\s,]+", meaning="* or one origin"),
        )
        env.finish()
        return settings
