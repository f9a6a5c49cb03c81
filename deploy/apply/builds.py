"""Submits Cloud Builds and waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy.cloud.commands import Commands
from deploy.cloud.gcloud import Gcloud
from deploy.cloud.states import BUILDING, BUILT
from deploy.deliverables import Deliverables
from deploy.errors import CommandFailed, Interrupted, StepFailed
from deploy.failures import advice, failure
from deploy.plan.steps import BuildImage
from deploy.recorded_state import Note
from deploy.settings import DeploySettings, service_name

LOG_LINES = 12


@dataclass
class Builds:
    """Submits builds and waits for them. A build is recorded once submitted, so that a later run can wait for it."""

    settings: DeploySettings
    gcloud: Gcloud
    deliverables: Deliverables
    stop: threading.Event

    def run(self, build: BuildImage, tell: Callable[[str], None]) -> str:
        """The image by tag and digest; raises StepFailed with the end of the log if the build failed."""
        build_id, log = build.build, ""
        if not build_id:
            for resource in build.creates:
                self.deliverables.create(resource)
            words = self.gcloud(build.argv).split()
            if not words:
                raise CommandFailed(f"`{' '.join(build.argv)}` printed no build ID: run again.")
            build_id, log = words[0], words[-1] if len(words) > 1 else ""
        self._record(build, build_id, log)
        tell(f"build {build_id}, {log}".rstrip(", "))
        found = self._wait(build_id, tell)
        if found["status"] != BUILT:
            raise StepFailed(self._failure(build, found))
        image = self._image(build, found)
        self._record(build, build_id, found.get("logUrl", log), image)
        return image

    def _record(self, build: BuildImage, build_id: str, log: str, image: str | None = None) -> None:
        entry = {"content": build.content, "build": build_id, "log": log, "image": image}
        self.deliverables.note(Note(("images", build.image), entry))

    def _wait(self, build_id: str, tell: Callable[[str], None]) -> dict[str, Any]:
        pause, status = 1.0, ""
        while True:
            found: dict[str, Any] = self.gcloud.json(Commands(self.settings).describe_build(build_id))
            if found["status"] not in BUILDING:
                return found
            if found["status"] != status:
                status = found["status"]
                tell(f"build {build_id[:8]} is {status.lower()}")
            self.gcloud.sleep(pause)
            if self.stop.is_set():
                raise Interrupted(f"Interrupted while build {build_id} continues: run again to wait for it.")
            pause = min(pause * 1.5, 10)

    def _image(self, build: BuildImage, found: dict[str, Any]) -> str:
        tag = f"{build.uri}:{found['id']}"
        for image in found.get("results", {}).get("images", []):
            if image["name"] == tag:
                return f"{tag}@{image['digest']}"
        raise StepFailed(f"Build {found['id']} succeeded, but pushed no image {tag}: see `images` in its build file.")

    def _failure(self, build: BuildImage, found: dict[str, Any]) -> str:
        """The reason, the end of the log, and where the rest of it is."""
        detail = found.get("failureInfo", {}).get("detail") or found.get("statusDetail") or "no reason given"
        try:
            lines = self.gcloud(Commands(self.settings).build_log(found["id"])).strip().splitlines()[-LOG_LINES:]
        except CommandFailed:
            lines = []
        # The log may hold any text; of its errors, only those of the build account are told apart.
        known = failure(" ".join([detail, *lines]))
        remedy = advice(known, self.settings.project) if known.kind == "build account" else "Fix this, then run again."
        log = "".join(f"\n    {line}" for line in lines)
        return (
            f"The build of {service_name(build.image)} ended with {found['status']}: {detail.rstrip('.')}."
            f" {remedy} Whole log: {found.get('logUrl', '')}{log}"
        )
