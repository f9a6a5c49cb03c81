"""Cloud Build submissions, followed to their end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy.actual import UNDER_WAY
from deploy.commands import Commands
from deploy.errors import CommandFailed, Interrupted, StepFailed
from deploy.record import Deliverables
from deploy.runner import Gcloud
from deploy.settings import Settings
from deploy.steps import Build, Note

LOG_LINES = 12


@dataclass
class Builds:
    """Submits builds and waits for them. What was submitted is recorded at once, so that another run can take over."""

    settings: Settings
    gcloud: Gcloud
    deliverables: Deliverables
    stop: threading.Event

    def run(self, build: Build, tell: Callable[[str], None]) -> str:
        """The image by tag and digest; StepFailed with the log's last lines where the build failed."""
        number, log = build.build, ""
        if not number:
            for resource in build.creates:
                self.deliverables.create(resource)
            words = self.gcloud.must(build.argv).split()
            if not words:
                raise CommandFailed(f"`{' '.join(build.argv)}` printed no build id: run again.")
            number, log = words[0], words[-1] if len(words) > 1 else ""
        self._note(build, number, log)
        tell(f"build {number}, {log}".rstrip(", "))
        found = self._ended(number, tell)
        if found["status"] != "SUCCESS":
            raise StepFailed(self._reason(build, found))
        image = self._image(build, found)
        self._note(build, number, found.get("logUrl", log), image)
        return image

    def _note(self, build: Build, number: str, log: str, image: str | None = None) -> None:
        entry = {"content": build.content, "build": number, "log": log, "image": image}
        self.deliverables.note(Note(("images", build.image), entry))

    def _ended(self, number: str, tell: Callable[[str], None]) -> dict[str, Any]:
        pause, said = 1.0, ""
        while True:
            found: dict[str, Any] = self.gcloud.json(Commands(self.settings).describe_build(number))
            if found["status"] not in UNDER_WAY:
                return found
            if found["status"] != said:
                said = found["status"]
                tell(f"build {number[:8]} is {said.lower()}")
            self.gcloud.sleep(pause)
            if self.stop.is_set():
                raise Interrupted(f"Interrupted while build {number} goes on: run again to follow it.")
            pause = min(pause * 1.5, 10)

    def _image(self, build: Build, found: dict[str, Any]) -> str:
        tag = f"{build.uri}:{found['id']}"
        for image in found.get("results", {}).get("images", []):
            if image["name"] == tag:
                return f"{tag}@{image['digest']}"
        raise StepFailed(f"Build {found['id']} succeeded, but pushed no image {tag}: see `images` in its build file.")

    def _reason(self, build: Build, found: dict[str, Any]) -> str:
        """The sentence, the log's last lines and where the rest is."""
        detail = found.get("failureInfo", {}).get("detail") or found.get("statusDetail") or "it gave no reason"
        try:
            lines = self.gcloud.must(Commands(self.settings).build_log(found["id"])).strip().splitlines()[-LOG_LINES:]
        except CommandFailed:
            lines = []
        log = "".join(f"\n    {line}" for line in lines)
        return (
            f"The build of guichet-{build.image} ended with {found['status']}: {detail.rstrip('.')}."
            f" Put that right, then run again; the whole log: {found.get('logUrl', '')}{log}"
        )
