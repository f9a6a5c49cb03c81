"""What builds images on this machine: Docker, or buildah, which needs no daemon.

The steps of the Cloud Build file are calls of `docker`; an engine translates their arguments into a command line.
"""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from deploy.cloudbuild.pip_config import PipConfig
from deploy.errors import DeployError

Argv = tuple[str, ...]
# Flags of `docker build` that buildah has too, with a value and without.
SAME_WITH_VALUE = {"--build-arg", "--file", "--label", "--tag", "--target"}
SAME_ALONE = {"--no-cache", "--quiet"}
SHORT = {"-f": "--file", "-q": "--quiet", "-t": "--tag"}


class EngineError(DeployError):
    """No engine is available, or it does not support a step."""


class Engine(Protocol):
    """Translates calls of `docker` into command lines for this machine."""

    @property
    def name(self) -> str:
        """The name of the program."""

    def command(self, words: Sequence[str]) -> Argv:
        """The command line for `docker WORDS`; raises EngineError if the engine does not support it."""

    def saved(self, image: str, file: str) -> Argv:
        """The command line that saves the image as a Docker archive with uncompressed layers."""


@dataclass(frozen=True)
class Docker:
    """Docker, as on Cloud Build."""

    name: str = "Docker"

    def command(self, words: Sequence[str]) -> Argv:
        return ("docker", *words)

    def saved(self, image: str, file: str) -> Argv:
        return ("docker", "save", f"--output={file}", image)


@dataclass(frozen=True)
class Buildah:
    """buildah. Its storage keeps the layers of earlier builds, so `--cache-from` is not needed."""

    pip_config: PipConfig = field(default_factory=PipConfig)
    name: str = "buildah"

    def command(self, words: Sequence[str]) -> Argv:
        match list(words):
            case ["build", *flags]:
                return self._build(flags)
            case ["pull" | "push" as verb, image]:
                return ("buildah", verb, "--quiet", *_loopback(image), image)
            case ["tag", image, *names]:
                return ("buildah", "tag", image, *names)
            case _:
                raise EngineError(f"buildah supports docker build, pull, push and tag, not {words[0]}.")

    def saved(self, image: str, file: str) -> Argv:
        return ("buildah", "push", "--quiet", image, f"docker-archive:{file}")

    def _build(self, words: Sequence[str]) -> Argv:
        # chroot isolation needs no cgroups and no network namespace, so it works in a container too.
        command = ["buildah", "build", "--layers", "--isolation=chroot", "--network=host"]
        command += [f"--volume={folder}:{place}:ro" for folder, place in self.pip_config.mounts]
        waiting = list(words)
        while waiting:
            word = waiting.pop(0)
            flag, equals, value = word.partition("=")
            flag = SHORT.get(flag, flag)
            if flag in SAME_WITH_VALUE | {"--cache-from"} and not equals:
                value = waiting.pop(0) if waiting else ""
            if flag in SAME_ALONE:
                command.append(flag)
            elif flag in SAME_WITH_VALUE and not value.startswith("BUILDKIT_"):
                command.append(f"{flag}={value}")
            elif not flag.startswith("-"):
                command.append(word)
            elif flag != "--cache-from" and not value.startswith("BUILDKIT_"):
                raise EngineError(f"buildah does not support `docker build {flag}`: use Docker.")
        return tuple(command)


def found_engine(name: str = "") -> Engine:
    """Docker if it is running, else buildah; or the named one. Raises EngineError if it is not available."""
    if name in ("", "docker") and _succeeds("docker", "info"):
        return Docker()
    if name in ("", "buildah") and shutil.which("buildah"):
        return Buildah(PipConfig.found())
    raise EngineError(
        {
            "docker": "Docker is not running: start it, or use buildah.",
            "buildah": "buildah is not installed: `apt-get install buildah` (Debian and Ubuntu), or use Docker.",
        }.get(name, "Docker is not running and buildah is not installed: start or install one of them.")
    )


def _succeeds(*command: str) -> bool:
    """Whether the command exists and succeeds."""
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _loopback(image: str) -> Iterable[str]:
    """Registries on loopback are used without TLS, as Docker does."""
    host = image.partition("/")[0].rpartition(":")[0]
    try:
        own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = False
    return ["--tls-verify=false"] if own else []
