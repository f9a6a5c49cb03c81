"""What builds the images on this machine: a Docker engine, or buildah, which needs none and no daemon.

The steps of our Cloud Build files are calls of `docker`. An engine turns the words that follow it into a command line.
"""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from deploy.cloudbuild.machine import Machine
from deploy.errors import DeployError

Argv = tuple[str, ...]
# Flags of `docker build` that buildah knows by the same name, with a value and without.
SAME_WITH_VALUE = {"--build-arg", "--file", "--label", "--tag", "--target"}
SAME_ALONE = {"--no-cache", "--quiet"}
SHORT = {"-f": "--file", "-q": "--quiet", "-t": "--tag"}


class EngineError(DeployError):
    """No engine is there, or it cannot do what a step says."""


class Engine(Protocol):
    """Command lines that do here what `docker WORDS` does on a build machine."""

    @property
    def name(self) -> str:
        """What people call it."""

    def command(self, words: Sequence[str]) -> Argv:
        """For `docker WORDS`; EngineError where the engine has nothing like it."""

    def saved(self, image: str, file: str) -> Argv:
        """Writes the image, its layers uncompressed, in Docker's format for archives."""


@dataclass(frozen=True)
class Docker:
    """The engine that Cloud Build has, too."""

    name: str = "Docker"

    def command(self, words: Sequence[str]) -> Argv:
        return ("docker", *words)

    def saved(self, image: str, file: str) -> Argv:
        return ("docker", "save", f"--output={file}", image)


@dataclass(frozen=True)
class Buildah:
    """buildah's own storage remembers the layers of earlier builds, so that `--cache-from` has nothing to add."""

    machine: Machine = field(default_factory=Machine)
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
                raise EngineError(f"buildah stands in for `docker build`, pull, push and tag, not for `{words[0]}`.")

    def saved(self, image: str, file: str) -> Argv:
        return ("buildah", "push", "--quiet", image, f"docker-archive:{file}")

    def _build(self, words: Sequence[str]) -> Argv:
        # chroot needs neither cgroups nor a network of its own, and so works inside of a container, too.
        command = ["buildah", "build", "--layers", "--isolation=chroot", "--network=host"]
        command += [f"--volume={folder}:{place}:ro" for folder, place in self.machine.mounts]
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
                raise EngineError(f"buildah has nothing like `docker build {flag}`: use Docker for this file.")
        return tuple(command)


def found_engine(name: str = "") -> Engine:
    """Docker where its engine answers, else buildah; or the one that is named. EngineError where there is none."""
    if name in ("", "docker") and _answers("docker", "info"):
        return Docker()
    if name in ("", "buildah") and shutil.which("buildah"):
        return Buildah(Machine.found())
    raise EngineError(
        {
            "docker": "There is no Docker engine that answers: start it, or use buildah.",
            "buildah": "There is no buildah: install it (Debian and Ubuntu: apt-get install buildah), or use Docker.",
        }.get(name, "There is neither a Docker engine that answers nor buildah: install one of the two.")
    )


def _answers(*command: str) -> bool:
    """Whether the command is there and succeeds."""
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _loopback(image: str) -> Iterable[str]:
    """A registry on this machine itself is spoken to without TLS, as Docker does."""
    host = image.partition("/")[0].rpartition(":")[0]
    try:
        own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = False
    return ["--tls-verify=false"] if own else []
