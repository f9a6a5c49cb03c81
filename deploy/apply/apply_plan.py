"""Carries out a plan: independent steps run concurrently, and each result is recorded before the next step uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from deploy.apply.builds import Builds
from deploy.apply.reference_check import check_references
from deploy.apply.smoke_test import describe_check, smoke_test
from deploy.cloud.gcloud import Gcloud, GcloudFailed, is_replacement
from deploy.cloud.resources import Resource
from deploy.cloud.wait_until_ready import Waiter
from deploy.deliverables import Deliverables
from deploy.errors import CommandFailed, DeployError, Interrupted, Kept, StepFailed
from deploy.plan.cloud_run_manifests import next_attempt
from deploy.plan.container_images import BASES
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
    WaitUntilReady,
    WriteFile,
    all_filled,
    base_url,
    content_name,
    filled,
)
from deploy.recorded_state import Note, Release, ReleasedService
from deploy.settings import DeploySettings, service_name

CONCURRENT_STEPS = 8
SERVICE_ATTEMPTS = 3
PAUSE_SECONDS = 10.0


class PlanProgress(Protocol):
    """Is told how the plan proceeds; called from several threads."""

    def started(self, step: Step) -> None: ...

    def told(self, step: Step, text: str) -> None: ...

    def finished(self, step: Step) -> None: ...

    def failed(self, step: Step, error: DeployError) -> None: ...

    def kept(self, step: Step, error: DeployError) -> None: ...


@dataclass
class Outcome:
    """The steps that failed, with their errors, those that could not be started, and what Google refused to remove."""

    failed: dict[str, DeployError] = field(default_factory=dict)
    blocked: tuple[str, ...] = ()
    kept: list[str] = field(default_factory=list)

    def broken_services(self, settings: DeploySettings) -> frozenset[str]:
        """The models' services and the page that failed; empty if anything else failed too."""
        images = {step.removeprefix("build ") for step in self.failed if step.startswith("build ")}
        found = {step.removeprefix("service ") for step in self.failed if step.startswith("service ")}
        found |= {service_name(image) for image in images}
        optional = settings.directory not in found and not any(image in BASES for image in images)
        return frozenset(found) if optional and len(found) >= len(self.failed) else frozenset()

    def raise_failures(self, more: str = "") -> None:
        """Raises StepFailed with every failure, and a sentence at the end."""
        if self.failed:
            lines = dict.fromkeys(str(error) for error in self.failed.values())
            raise StepFailed("\n".join([*lines, *([more] if more else [])]))


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

    def run(self, plan: Plan) -> Outcome:
        """Carries out every step whose needs succeeded."""
        values = dict(plan.known)
        done: set[str] = set()
        outcome = Outcome()
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
                        except Kept as err:
                            done.add(step.id)
                            outcome.kept.append(str(err))
                            self.progress.kept(step, err)
                        except DeployError as err:
                            outcome.failed[step.id] = err
                            self.progress.failed(step, err)
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        outcome.blocked = tuple(left)
        return outcome

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
            case WaitUntilReady():
                self.waiter.wait_until_ready(self._named(action.resource, values), tell)
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
        creates = [self._named(resource, values) for resource in action.creates]
        for resource in creates:
            self.deliverables.create(resource)
        output, attempt, waited = "", 0, 0.0
        while True:
            attempt += 1
            try:
                stdin = self.gcloud(all_filled(action.reads, values)).strip() if action.reads else None
                output = self.gcloud(argv, stdin)
                break
            except GcloudFailed as err:
                kind = err.error.kind
                if kind == "exists" and is_replacement(argv) and attempt < SERVICE_ATTEMPTS:
                    continue  # an earlier attempt created the service, but its response was lost
                if kind == "not yet" and is_replacement(argv) and waited < err.error.seconds:
                    tell(f"{err.error.message} Trying again for {(err.error.seconds - waited) / 60:.0f} minutes.")
                    manifest = self.settings.root / argv[4]
                    manifest.write_text(next_attempt(manifest.read_text(encoding="utf-8")), encoding="utf-8")
                    self.gcloud.sleep(PAUSE_SECONDS)
                    self._raise_if_interrupted()
                    waited += PAUSE_SECONDS
                    continue
                if kind == "exists" and creates:
                    self.waiter.wait_until_ready(creates[0], tell)
                    break
                if kind == "absent" and action.removes:
                    break
                if action.optional:
                    raise Kept(f"{action.removes or argv[1]} stays: {err.error.message}") from err
                raise
        words = output.split()
        if action.yields:
            if len(words) != len(action.yields):
                raise CommandFailed(
                    f"`{' '.join(argv)}` printed {output.strip()!r} instead of {len(action.yields)} values."
                )
            values.update(zip(action.yields, words, strict=True))
        if action.removes:
            self.deliverables.remove(self._named(action.removes, values))

    def _named(self, resource: Resource, values: dict[str, str]) -> Resource:
        return replace(resource, name=filled(resource.name, values))

    def _smoke_test(self, action: SmokeTest, values: dict[str, str], tell: Callable[[str], None]) -> None:
        key = self.gcloud(action.key).strip()
        url, timeout = filled(action.address, values), self.settings.patience
        failed = smoke_test(url, action.routes, key, timeout, stop=self.stop, tell=tell)
        wrong = [] if failed else check_references(url, action.references, key)
        if not failed and not wrong:
            return
        self._raise_if_interrupted()
        outcome = "The gateway keeps its config, as there is no former one."
        if action.undo:
            self.gcloud(action.undo)
            self.deliverables.note(Note(("gateway", "config"), action.former))
            outcome = f"The gateway was reset to {action.former}."
        if wrong:
            raise StepFailed(
                f"The scores served through {url} are not those of the models: {'; '.join(wrong)}. {outcome}"
            )
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
