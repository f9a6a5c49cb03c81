"""Carries out a plan: steps that do not need each other at once, each result recorded before another builds on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from deploy.builds import Builds
from deploy.errors import CommandFailed, DeployError, Interrupted, StepFailed
from deploy.failures import sentence
from deploy.prove import described, prove
from deploy.record import Deliverables, Release, ReleasedService
from deploy.runner import Gcloud, Refused
from deploy.served import packed
from deploy.settings import Settings
from deploy.settle import Settler
from deploy.steps import (
    PACKED,
    Action,
    Build,
    Command,
    Conclude,
    Fingerprint,
    Note,
    Origin,
    Plan,
    Prove,
    Step,
    Write,
    all_filled,
    filled,
    fingerprint,
    origin,
)

AT_ONCE = 8
SERVICE_ATTEMPTS = 3


class Progress(Protocol):
    """Hears how the plan goes; called from several threads."""

    def started(self, step: Step) -> None: ...

    def told(self, step: Step, text: str) -> None: ...

    def finished(self, step: Step) -> None: ...

    def failed(self, step: Step, error: DeployError) -> None: ...


@dataclass
class Execution:
    """What carries out plans: everything that acts is handed in."""

    settings: Settings
    gcloud: Gcloud
    deliverables: Deliverables
    settler: Settler
    builds: Builds
    progress: Progress
    stop: threading.Event
    now: Callable[[], datetime]

    def run(self, plan: Plan) -> None:
        """Every step of the plan; a failure stops what needs the step, and nothing else. StepFailed tells of all."""
        values = dict(plan.known)
        done: set[str] = set()
        failed: dict[str, DeployError] = {}
        left = {step.id: step for step in plan.steps}
        running: dict[Future[None], Step] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
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
        self._go_on()
        self.progress.started(step)
        for action in step.actions:
            self._go_on()
            self._act(step, action, values)
        if step.notes or step.forgets:
            self.deliverables.note(*(_filled_note(note, values) for note in step.notes))
            for resource in step.forgets:
                self.deliverables.remove(resource)

    def _go_on(self) -> None:
        """Interrupted once somebody has asked for the end: what runs is ended, and nothing else begun."""
        if self.stop.is_set():
            raise Interrupted("Interrupted: run again to go on from here.")

    def _act(self, step: Step, action: Action, values: dict[str, str]) -> None:
        match action:
            case Write():
                self._write(action, values)
            case Command():
                self._command(step, action, values)
            case Fingerprint():
                content = (self.settings.root / action.path).read_bytes()
                values[action.yields] = fingerprint(action.prefix, content)
            case Origin():
                values[action.yields] = origin(filled(action.host, values))
            case Build():
                values[action.yields] = self.builds.run(action, lambda text: self.progress.told(step, text))
            case Prove():
                self._prove(step, action, values)
            case Conclude():
                self._conclude(action, values)

    def _write(self, action: Write, values: dict[str, str]) -> None:
        path = self.settings.root / action.path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = filled(action.text, values)
        path.write_bytes(packed(text) if action.path.endswith(PACKED) else text.encode())

    def _command(self, step: Step, action: Command, values: dict[str, str]) -> None:
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
            except Refused as err:
                found = err.found.blame
                if found == "exists" and _is_service(argv) and attempt < SERVICE_ATTEMPTS:
                    continue  # it was created and the answer lost: now it is replaced
                if found == "exists" and creates:
                    self.settler.wait(creates[0], lambda text: self.progress.told(step, text))
                    break
                if found == "absent" and action.removes:
                    break
                if action.optional:
                    self.progress.told(step, err.found.message)
                    break
                raise CommandFailed(sentence(err.argv, err.found, self.settings.project)) from err
        words = output.split()
        if action.yields:
            if len(words) != len(action.yields):
                raise CommandFailed(
                    f"`{' '.join(argv)}` printed {output.strip()!r} instead of {len(action.yields)} values."
                )
            values.update(zip(action.yields, words, strict=True))
        if action.removes:
            self.deliverables.remove(replace(action.removes, name=filled(action.removes.name, values)))

    def _prove(self, step: Step, action: Prove, values: dict[str, str]) -> None:
        key = self.gcloud.must(action.key).strip()
        address = filled(action.address, values)
        failed = prove(
            address,
            action.routes,
            key,
            self.settings.patience,
            stop=self.stop,
            tell=lambda text: self.progress.told(step, text),
        )
        if not failed:
            return
        self._go_on()
        after = "The gateway keeps its config, as there is no former one that differs."
        if action.undo:
            self.gcloud.must(action.undo)
            self.deliverables.note(Note(("gateway", "config"), action.former))
            after = f"The gateway was put back to {action.former}."
        answers = "; ".join(described(answer) for answer in failed[:3]) + ("; …" if len(failed) > 3 else "")
        raise StepFailed(
            f"{len(failed)} of {len(action.routes)} models did not answer through {address} within"
            f" {self.settings.patience:.0f} s: {answers}. {after} See `make logs MODEL=name`, then run again."
        )

    def _conclude(self, action: Conclude, values: dict[str, str]) -> None:
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


def _is_service(argv: tuple[str, ...]) -> bool:
    return argv[1:4] == ("run", "services", "replace")
