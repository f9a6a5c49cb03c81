"""The command line.

Commands import the modules that need Google's libraries when they run, so that `local` works without them.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from deploy import cli_rollout
from deploy.cloud.commands import Commands
from deploy.cloudbuild.command import images
from deploy.errors import DeployError, NoProjectError, SettingsError
from deploy.invocation import Models, Yes, carry_out, confirmed, errors_as_sentences, open_session, tell, title
from deploy.kubernetes.command import manifests
from deploy.local.command import local
from deploy.plan.container_images import images_to_build
from deploy.report.console import command_lines, error_console, output_console, show_findings, show_plan
from deploy.report.cost import Traffic, bill, bill_table, read_prices
from deploy.report.script import script as script_of
from deploy.settings import service_name
from services.catalog import catalog_path, load_catalog

if TYPE_CHECKING:
    from deploy.plan.steps import Plan
    from deploy.session import Session

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

FIX_ROUNDS = 3
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def main(
    context: typer.Context,
    project: Annotated[
        str, typer.Option(help="The Google Cloud project. Or set PROJECT_ID. Default: gcloud's project.")
    ] = "",
    region: Annotated[str, typer.Option(help="The region. Or set REGION. Default: us-central1.")] = "",
    repository: Annotated[
        str, typer.Option(help="The repository of the container images. Or set REPOSITORY. Default: hw5-images.")
    ] = "",
    gateway_region: Annotated[
        str, typer.Option(help="The region of the gateway. Or set GATEWAY_REGION. Default: the region.")
    ] = "",
    deliverables: Annotated[
        str, typer.Option(help="The record of the deployment. Or set DELIVERABLES. Default: deliverables.yaml.")
    ] = "",
) -> None:
    """Deploy the models, their gateway and the page to Google Cloud, or run them on this machine."""
    context.obj = {
        "PROJECT_ID": project,
        "REGION": region,
        "REPOSITORY": repository,
        "GATEWAY_REGION": gateway_region,
        "DELIVERABLES": deliverables,
    }


app.command("local")(local)
app.command("images")(images)
app.command("manifests")(manifests)
cli_rollout.register(app)


@app.command()
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

    if not offline:
        try:
            session = open_session(context, models)
            recorded = session.recorded_state()
            current = session.current_state(recorded)
            if current.changing:
                error_console().print(f"Still changing, so the plan may change too: {', '.join(current.changing)}.")
            return session, session.plan(recorded, current)
        except (GcloudFailed, NoProjectError) as err:
            if isinstance(err, GcloudFailed) and err.error.kind != "account":
                raise
            error_console().print(f"{err}\nUntil then, this is what would be made in an empty project.", markup=False)
    session = open_session(context, models, offline=True)
    return session, session.plan(RecordedState(), CurrentState())


@app.command()
def up(
    context: typer.Context,
    models: Models = "",
    yes: Yes = False,
    stage: Annotated[
        bool, typer.Option(envvar="STAGE", help="Deploy new revisions without traffic, with the tag `next`.")
    ] = False,
) -> None:
    """Deploy what is missing or differs. Run it again to continue after an interruption."""
    from deploy.plan.rollout import stage_plan

    with errors_as_sentences(changes=True):
        session = open_session(context, models)
        with session.deliverables.held("deploy up"):
            recorded = session.recorded_state()
            current = session.current_state(recorded, tell)
            if stage:
                steps = stage_plan(session.desired_state(current), current, recorded, session.settings)
            else:
                steps = session.plan(recorded, current)
            show_plan(output_console(), steps, title(session), commands=False)
            if not steps or not confirmed(yes, "Continue?"):
                return
            if stage:
                carry_out(session, steps).raise_failures()
                return
            session.deploy(steps, lambda plan: carry_out(session, plan), tell)
            _show_urls(session)


@app.command()
def build(
    context: typer.Context,
    models: Models = "",
    force: Annotated[bool, typer.Option("--force", help="Build images even if they exist.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands, and submit nothing.")] = False,
) -> None:
    """Build the missing container images with Cloud Build."""
    from deploy.plan.deployment import image_build_plan

    with errors_as_sentences(changes=True):
        session = open_session(context, models)
        with session.deliverables.held("deploy build"):
            recorded = session.recorded_state()
            current = session.current_state(recorded)
            rebuild = frozenset(images_to_build(session.settings.models, session.catalog)) if force else frozenset()
            desired = session.desired_state(current)
            steps = image_build_plan(desired, current, recorded, session.settings, rebuild)
            if dry_run:
                for line in command_lines(steps):
                    print(line)
                return
            show_plan(output_console(), steps, title(session), commands=False)
            if steps:
                carry_out(session, steps).raise_failures()


@app.command()
def doctor(
    context: typer.Context,
    fix: Annotated[
        bool, typer.Option("--fix", help="Enable APIs, create the repository, grant the role that builds need.")
    ] = False,
) -> None:
    """Check the prerequisites of a deployment, and print the command that fixes each problem."""
    from deploy.report.doctor import READY, Doctor, fixes

    with errors_as_sentences(changes=True):
        session = open_session(context)
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


@app.command()
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


@app.command()
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


@app.command()
def rollback(
    context: typer.Context,
    release: Annotated[int | None, typer.Argument(help="The number of a release. Default: the previous one.")] = None,
    yes: Yes = False,
) -> None:
    """Go back to a release: services, list of models and gateway config."""
    from deploy.plan.rollback import chosen_release, rollback_plan

    with errors_as_sentences(changes=True):
        session = open_session(context)
        with session.deliverables.held("deploy rollback"):
            recorded = session.recorded_state()
            target = chosen_release(recorded, release)
            current = session.current_state(recorded, tell)
            items = session.gcloud.json(Commands(session.settings).list_revisions())
            revisions = {item["metadata"]["name"] for item in items}
            steps = rollback_plan(target, revisions, current, recorded, session.settings)
            show_plan(output_console(), steps, f"{title(session)}, back to release {target.release} of {target.at}")
            if steps and confirmed(yes, "Go back?"):
                carry_out(session, steps).raise_failures()


@app.command()
def down(
    context: typer.Context,
    yes: Yes = False,
    force: Annotated[
        bool, typer.Option(envvar="FORCE", help="Also disable APIs that were used in the last 30 days.")
    ] = False,
) -> None:
    """Remove what `up` created, as recorded in deliverables.yaml, and nothing else."""
    from deploy.plan.destroy import destroy_plan

    with errors_as_sentences(changes=True):
        session = open_session(context)
        with session.deliverables.held("deploy down"):
            recorded = session.recorded_state()
            if not recorded.created:
                tell(f"{session.deliverables.path} lists no created resources: nothing to remove.")
                return
            steps = destroy_plan(
                session.current_state(recorded, tell, monitoring=True), recorded, session.settings, force=force
            )
            show_plan(output_console(), steps, title(session), commands=False)
            if not yes and not sys.stdin.isatty():
                raise SettingsError("Confirm with YES=1 or --yes: there is no terminal to ask.")
            project = session.settings.project
            if not yes and typer.prompt(f"Type {project} to remove all of this") != project:
                raise SettingsError("The name does not match: nothing was removed.")
            outcome = carry_out(session, steps)
            outcome.raise_failures()
            session.deliverables.empty()
            for sentence in outcome.kept:
                tell(sentence)
            if outcome.kept:
                tell("The record still lists what stays. `make destroy FORCE=1` removes it nevertheless.")


@app.command()
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


def _show_urls(session: Session) -> None:
    recorded = session.deliverables.read()
    page = recorded.services.get(session.settings.page)
    tell(f"The API:  {recorded.gateway.url}")
    tell(f"The page: {page.url if page else ''}")
    tell(
        f"The key:  gcloud secrets versions access latest --secret={recorded.gateway.secret}"
        f" --project={session.settings.project}"
    )
