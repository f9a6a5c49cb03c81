"""Carries out a plan: independent steps run concurrently, and each result is recorded before the next step uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from deploy.apply.builds import Builds
from deploy.apply.smoke_test import describe_check, smoke_test
from deploy.cloud.gcloud import Gcloud, GcloudFailed
from deploy.cloud.wait_until_ready import Waiter
from deploy.deliverables import Deliverables
from deploy.errors import CommandFailed, DeployError, Interrupted, StepFailed
from deploy.plan.steps import (
    Action,
    BaseUrl,
    BuildImage,
    Command,
    ContentName,
    Plan,
    RecordRelease,
    SmokeTest,
    Step,
    WriteFile,
    all_filled,
    base_url,
    content_name,
    filled,
)
from deploy.recorded_state import Note, Release, ReleasedService
from deploy.settings import DeploySettings

CONCURRENT_STEPS = 8
SERVICE_ATTEMPTS = 3


class PlanProgress(Protocol):
    """Is told how the plan proceeds; called from several threads."""

    def started(self, step: Step) -> None: ...

    def told(self, step: Step, text: str) -> None: ...

    def finished(self, step: Step) -> None: ...

    def failed(self, step: Step, error: DeployError) -> None: ...


@dataclass
class PlanApplier:
    """Carries out plans with what it is given."""

    settings: DeploySettings
    gcloud: Gcloud
    deliverables: Deliverables
    waiter: Waiter
    builds: Builds
    progress: PlanProgress
    stop: threading.Event
    now: Callable[[], datetime]

    def run(self, plan: Plan) -> None:
        """Carries out every step whose needs succeeded; raises StepFailed with all failures at the end."""
        values = dict(plan.known)
        done: set[str] = set()
        failed: dict[str, DeployError] = {}
        left = {step.id: step for step in plan.steps}
        running: dict[Future[None], Step] = {}
        with ThreadPoolExecutor(CONCURRENT_STEPS) as pool:
            try:
                while left or running:
                    for step in [step for step in left.values() if done.issuperset(step.needs)]:
                        running[pool.submit(self._step, left.pop(step.id), values)] = step
                    if not running:
                        break
                    ended, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        step = running.pop(future)
                        try:
                            future.result()
                            done.add(step.id)
                            self.progress.finished(step)
                        except DeployError as err:
                            failed[step.id] = err
                            self.progress.failed(step, err)
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        if failed:
            raise StepFailed("\n".join(dict.fromkeys(str(err) for err in failed.values())))

    def _step(self, step: Step, values: dict[str, str]) -> None:
        self._raise_if_interrupted()
        self.progress.started(step)
        for action in step.actions:
            self._raise_if_interrupted()
            self._act(step, action, values)
        if step.notes or step.forgets:
            self.deliverables.note(*(_filled_note(note, values) for note in step.notes))
            for resource in step.forgets:
                self.deliverables.remove(resource)

    def _raise_if_interrupted(self) -> None:
        if self.stop.is_set():
            raise Interrupted("Interrupted: run again to continue.")

    def _act(self, step: Step, action: Action, values: dict[str, str]) -> None:
        def tell(text: str) -> None:
            self.progress.told(step, text)

        match action:
            case WriteFile():
                path = self.settings.root / action.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(filled(action.text, values), encoding="utf-8")
            case Command():
                self._command(action, values, tell)
            case ContentName():
                content = (self.settings.root / action.path).read_bytes()
                values[action.yields] = content_name(action.prefix, content)
            case BaseUrl():
                values[action.yields] = base_url(filled(action.host, values))
            case BuildImage():
                values[action.yields] = self.builds.run(action, tell)
            case SmokeTest():
                self._smoke_test(action, values, tell)
            case RecordRelease():
                self._record_release(action, values)

    def _command(self, action: Command, values: dict[str, str], tell: Callable[[str], None]) -> None:
        argv = all_filled(action.argv, values)
        creates = [replace(resource, name=filled(resource.name, values)) for resource in action.creates]
        for resource in creates:
            self.deliverables.create(resource)
        output = ""
        for attempt in range(1, SERVICE_ATTEMPTS + 1):
            try:
                stdin = self.gcloud(all_filled(action.reads, values)).strip() if action.reads else None
                output = self.gcloud(argv, stdin)
                break
            except GcloudFailed as err:
                kind = err.error.kind
                if kind == "exists" and argv[1:4] == ("run", "services", "replace") and attempt < SERVICE_ATTEMPTS:
                    continue  # an earlier attempt created the service, but its response was lost
                if kind == "exists" and creates:
                    self.waiter.wait_until_ready(creates[0], tell)
                    break
                if kind == "absent" and action.removes:
                    break
                if action.optional:
                    tell(err.error.message)
                    break
                raise
        words = output.split()
        if action.yields:
            if len(words) != len(action.yields):
                raise CommandFailed(
                    f"`{' '.join(argv)}` printed {output.strip()!r} instead of {len(action.yields)} values."
                )
            values.update(zip(action.yields, words, strict=True))
        if action.removes:
            self.deliverables.remove(replace(action.removes, name=filled(action.removes.name, values)))

    def _smoke_test(self, action: SmokeTest, values: dict[str, str], tell: Callable[[str], None]) -> None:
        key = self.gcloud(action.key).strip()
        url, timeout = filled(action.address, values), self.settings.patience
        failed = smoke_test(url, action.routes, key, timeout, stop=self.stop, tell=tell)
        if not failed:
            return
        self._raise_if_interrupted()
        outcome = "The gateway keeps its config, as there is no former one."
        if action.undo:
            self.gcloud(action.undo)
            self.deliverables.note(Note(("gateway", "config"), action.former))
            outcome = f"The gateway was reset to {action.former}."
        checks = "; ".join(describe_check(check) for check in failed[:3]) + ("; …" if len(failed) > 3 else "")
        raise StepFailed(
            f"{len(failed)} of {len(action.routes)} models did not respond through {url} within {timeout:.0f} s:"
            f" {checks}. {outcome} See `make logs MODEL=name`, then run again."
        )

    def _record_release(self, action: RecordRelease, values: dict[str, str]) -> None:
        latest = self.deliverables.read().latest
        release = Release(
            release=latest.release + 1 if latest else 1,
            at=self.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
            config=filled(action.config, values),
            document=filled(action.document, values),
            models=action.models,
            services={
                name: ReleasedService.model_validate(
                    {key: filled(value, values) if isinstance(value, str) else value for key, value in service.items()}
                )
                for name, service in action.services.items()
            },
            rolled_back_to=action.rolled_back_to,
        )
        self.deliverables.release(release)


def _filled_note(note: Note, values: dict[str, str]) -> Note:
    value = filled(note.value, values) if isinstance(note.value, str) else note.value
    if note.path[-1] == "generation" and isinstance(value, str):
        value = int(value)
    return replace(note, value=value)
