"""The commands that change nothing: plan, status, logs, cost; and doctor, unless it repairs."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from deploy.cli.invocation import Models, carry_out, errors_as_sentences, open_session, title
from deploy.errors import DeployError, NoProjectError, SettingsError
from deploy.report.console import error_console, output_console, show_findings, show_plan
from deploy.report.cost import Traffic, bill, bill_table, read_prices
from deploy.report.script import script as script_of
from deploy.settings import UNKNOWN_PROJECT, service_name
from services.catalog import catalog_path, load_catalog

if TYPE_CHECKING:
    from deploy.plan.steps import Plan
    from deploy.session import Session

FIX_ROUNDS = 3
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def plan(
    context: typer.Context,
    models: Models = "",
    script: Annotated[
        str, typer.Option(help="Write the plan as a self-contained bash script to this file (-: standard output).")
    ] = "",
    offline: Annotated[
        bool, typer.Option(envvar="OFFLINE", help="Ask nobody: show the plan for an empty project.")
    ] = False,
) -> None:
    """Show what `up` would do, and the commands. Changes nothing. Without an account, the plan for an empty project."""
    with errors_as_sentences():
        session, steps = _planned(context, models, offline)
        if script == "-":
            print(script_of(steps, session.settings), end="")
        elif script:
            Path(script).write_text(script_of(steps, session.settings), encoding="utf-8")
            output_console().print(f"Wrote {script}. Run it from the repository's root: bash {script}", markup=False)
        else:
            show_plan(output_console(), steps, title(session))


def _planned(context: typer.Context, models: str, offline: bool) -> tuple[Session, Plan]:
    """The plan of `up`; offline, or if nobody is signed in or no project is set, the one for an empty project."""
    from deploy.cloud.current_state import CurrentState
    from deploy.cloud.gcloud import GcloudFailed
    from deploy.recorded_state import RecordedState

    project = UNKNOWN_PROJECT
    if not offline:
        try:
            session = open_session(context, models)
            project = session.settings.project
            recorded = session.recorded_state()
            current = session.current_state(recorded)
            if current.changing:
                error_console().print(f"Still changing, so the plan may change too: {', '.join(current.changing)}.")
            return session, session.plan(recorded, current)
        except (GcloudFailed, NoProjectError) as err:
            if isinstance(err, GcloudFailed) and err.error.kind != "account":
                raise
            error_console().print(f"{err}\nUntil then, this is what would be made in an empty project.", markup=False)
    session = open_session(context, models, offline=True, default_project=project)
    return session, session.plan(RecordedState(), CurrentState())


def doctor(
    context: typer.Context,
    fix: Annotated[
        bool, typer.Option("--fix", help="Enable APIs, create the repository, grant the role that builds need.")
    ] = False,
) -> None:
    """Check the prerequisites of a deployment, and print the command that fixes each problem."""
    from deploy.report.doctor import READY, Doctor, fixes

    with errors_as_sentences(changes=True):
        session = open_session(context, default_project=UNKNOWN_PROJECT)
        checks = Doctor(session.settings, session.gcloud.impatient(), session.config, session.api)
        findings, problem = checks.examine(), None
        # What is enabled in one round can be checked in the next.
        for _ in range(FIX_ROUNDS if fix else 0):
            if not (steps := fixes(findings)):
                break
            try:
                with session.deliverables.held("deploy doctor --fix"):
                    session.recorded_state()
                    carry_out(session, steps).raise_failures()
            except DeployError as err:
                problem = err
            findings = checks.examine()
            if problem:
                break
        show_findings(output_console(), findings)
        if problem:
            raise problem
        if fixes(findings):
            output_console().print("`make doctor FIX=1` repairs this, except where a command is the only remedy.")
        if any(finding.verdict == "missing" for finding in findings):
            raise typer.Exit(1)
        output_console().print(READY)


def status(
    context: typer.Context,
    as_json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between refreshes of --watch.")] = 10,
) -> None:
    """Show versions, traffic and the latency through the gateway. Exit 1 if anything is unhealthy."""
    from deploy.report.status import status_table

    with errors_as_sentences():
        session = open_session(context)
        found = session.status()
        if as_json:
            print(json.dumps(found.as_json(), indent=2))
        elif not watch:
            output_console().print(status_table(found))
        else:
            with (
                suppress(KeyboardInterrupt),
                Live(status_table(found), console=output_console(), auto_refresh=False) as live,
            ):
                while not session.stop.wait(every):
                    found = session.status()
                    live.update(status_table(found), refresh=True)
        if not found.healthy:
            raise typer.Exit(1)


def logs(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="The name of a model, `directory` or `page`. Default: all.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Number of lines.")] = 50,
    request: Annotated[str, typer.Option(envvar="REQUEST", help="Only the request with this X-Request-Id.")] = "",
    follow: Annotated[bool, typer.Option("--follow", envvar="FOLLOW", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show the last log lines of a service, or of all services, one line per request."""
    from deploy.report import logs as report

    with errors_as_sentences():
        session = open_session(context)
        service = ""
        if model:
            service = service_name(model) if model in ("directory", "page") else session.catalog[model].service
        if request and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", request):
            raise SettingsError(f"REQUEST should be the X-Request-Id of a response, not {request!r}.")
        if not follow:
            for line in report.read_lines(session.gcloud, session.settings, service, limit, request):
                print(line)
            return
        with suppress(KeyboardInterrupt):
            for line in report.follow(session.gcloud, session.settings, service, limit, request, session.stop):
                print(line, flush=True)


def cost(
    requests: Annotated[int, typer.Option(min=0, help="Requests to each model per month.")] = 100_000,
    seconds: Annotated[float, typer.Option(min=0, help="Seconds that an instance is busy with one request.")] = 0.1,
    page_hours: Annotated[float, typer.Option(min=0, help="Hours per month in which somebody has the page open.")] = 20,
    models: Models = "",
) -> None:
    """Estimate the cost of a month, with the arithmetic. Works offline."""
    with errors_as_sentences():
        catalog = load_catalog(catalog_path(os.environ))
        names = (models or os.environ.get("MODELS", "")).replace(",", " ").split()
        selected = catalog.select(names) if names else list(catalog)
        output_console().print(bill_table(bill(selected, Traffic(requests, seconds, page_hours), read_prices())))


COMMANDS = (plan, doctor, status, logs, cost)
