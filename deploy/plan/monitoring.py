"""The metrics, the dashboard and the alerts of the files in `deploy/monitoring`."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CurrentState
from deploy.cloud.resources import Kind, Resource
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.steps import Action, Command, WriteFile, value_name
from deploy.recorded_state import Note

FOLDER = Path(__file__).parents[1] / "monitoring"
MONITORING: tuple[Kind, ...] = ("metric", "dashboard", "alert")


@cache
def wanted() -> dict[Resource, dict[str, Any]]:
    """Google's description of everything, in the order of creation."""
    yaml = YAML(typ="safe", pure=True)
    metrics, alerts = yaml.load(FOLDER / "metrics.yaml"), yaml.load(FOLDER / "alerts.yaml")
    dashboard = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    return {
        **{Resource("metric", name): {"name": name, **metric} for name, metric in metrics.items()},
        Resource("dashboard", "guichet"): dashboard,
        **{Resource("alert", name): {**alert, "userLabels": {"guichet": name}} for name, alert in alerts.items()},
    }


@cache
def monitoring_content() -> str:
    """The hash of everything, by which the record tells whether it changed."""
    return hashlib.sha256(json.dumps(list(wanted().values())).encode()).hexdigest()[:16]


def monitoring(builder: PlanBuilder) -> None:
    """Creates or replaces everything if the files changed; removes it if it is switched off."""
    if not builder.settings.monitoring:
        _remove(builder)
    elif builder.recorded.monitoring != monitoring_content():
        builder.add(
            "monitoring",
            "change" if builder.recorded.monitoring else "create",
            "metrics, a dashboard and alerts",
            [action for resource in wanted() for action in _written(builder, resource)],
            needs=["smoke test", "enable"],
            notes=[Note(("monitoring",), monitoring_content())],
        )


def removals(resource: Resource, current: CurrentState, commands: Commands) -> tuple[Command, ...]:
    """The commands that remove a metric, a dashboard or an alert."""
    delete = {
        "metric": commands.delete_metric,
        "dashboard": commands.delete_dashboard,
        "alert": commands.delete_alert,
    }[resource.kind]
    return tuple(Command(delete(name), removes=resource) for name in current.monitoring.get(str(resource), ()))


def _written(builder: PlanBuilder, resource: Resource) -> list[Action]:
    """Metrics are updated; dashboards and alerts have ids of Google's, so they are replaced."""
    commands, name = builder.commands, resource.name
    file = builder.settings.file(f"{resource.kind}-{name}.json")
    there = str(resource) in builder.current.monitoring
    write = WriteFile(file, json.dumps(wanted()[resource], indent=1) + "\n")
    if resource.kind == "metric":
        command = commands.write_metric(name, file, "update" if there else "create")
        return [write, Command(command, creates=() if there else (resource,))]
    before = removals(resource, builder.current, commands)
    if resource.kind == "dashboard":
        create, show = commands.create_dashboard(file), commands.show_dashboard()
    else:
        create, show = commands.create_alert(file), commands.show_alert(name)
    # The second command fails if a repeated request has created two; the next run then replaces both.
    made = Command(show, yields=(value_name(resource.kind, name),))
    return [*before, write, Command(create, creates=(resource,)), made]


def _remove(builder: PlanBuilder) -> None:
    ours = [resource for resource in builder.recorded.resources if resource.kind in MONITORING]
    if ours:
        commands = [command for resource in ours for command in removals(resource, builder.current, builder.commands)]
        notes = [Note(("monitoring",))]
        builder.add("monitoring", "remove", "metrics, the dashboard and alerts", commands, notes=notes, forgets=ours)
