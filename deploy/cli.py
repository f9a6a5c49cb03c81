"""The command line.

Commands import the modules that need Google's libraries when they run, so that `local` works without them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from deploy.cloud.commands import Commands
from deploy.cloudbuild.command import images
from deploy.errors import DeployError, Interrupted, SettingsError
from deploy.local.command import local
from deploy.plan.container_images import images_to_build
from deploy.report.console import command_lines, error_console, output_console, plan_progress, show_findings, show_plan
from deploy.report.cost import Traffic, bill, bill_table, read_prices
from deploy.report.script import script as script_of
from deploy.settings import service_name
from services.catalog import CatalogError, catalog_path, load_catalog

if TYPE_CHECKING:
    from deploy.plan.steps import Plan
    from deploy.session import Session

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Models = Annotated[
    str, typer.Option(help="Names of models, separated by spaces or commas. Or set MODELS. Default: all models.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", envvar="YES", help="Do not ask for confirmation.")]
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
    deliverables: Annotated[
        str, typer.Option(help="The record of the deployment. Or set DELIVERABLES. Default: deliverables.yaml.")
    ] = "",
) -> None:
    """Deploy the models, their gateway and the page to Google Cloud, or run them on this machine."""
    context.obj = {
        "PROJECT_ID": project,
        "REGION": region,
        "REPOSITORY": repository,
        "DELIVERABLES": deliverables,
    }


app.command("local")(local)
app.command("images")(images)


@app.command()
def plan(
    context: typer.Context,
    models: Models = "",
    script: Annotated[
        str, typer.Option(help="Write the plan as a self-contained bash script to this file (-: standard output).")
    ] = "",
) -> None:
    """Show what `up` would do, and the commands. Changes nothing."""
    with _errors_as_sentences():
        session = _session(context, models)
        recorded = session.recorded_state()
        current = session.current_state(recorded)
        if current.changing:
            error_console().print(f"Still changing, so the plan may change too: {', '.join(current.changing)}.")
        steps = session.plan(recorded, current)
        if script == "-":
            print(script_of(steps, session.settings), end="")
        elif script:
            Path(script).write_text(script_of(steps, session.settings), encoding="utf-8")
            output_console().print(f"Wrote {script}. Run it from the repository's root: bash {script}", markup=False)
        else:
            show_plan(output_console(), steps, _title(session))


@app.command()
def up(context: typer.Context, models: Models = "", yes: Yes = False) -> None:
    """Deploy what is missing or differs. Run it again to continue after an interruption."""
    with _errors_as_sentences(changes=True):
        session = _session(context, models)
        with session.deliverables.held("deploy up"):
            recorded = session.recorded_state()
            steps = session.plan(recorded, session.current_state(recorded, _tell))
            show_plan(output_console(), steps, _title(session), commands=False)
            if steps and _confirmed(yes, "Continue?"):
                _apply(session, steps)
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

    with _errors_as_sentences(changes=True):
        session = _session(context, models)
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
            show_plan(output_console(), steps, _title(session), commands=False)
            if steps:
                _apply(session, steps)


@app.command()
def doctor(
    context: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Enable missing APIs and create the repository.")] = False,
) -> None:
    """Check the prerequisites of a deployment, and print the command that fixes each problem."""
    from deploy.plan.deployment import prerequisites_plan
    from deploy.report.doctor import READY, Doctor

    with _errors_as_sentences(changes=True):
        session = _session(context)
        checks = Doctor(session.settings, session.gcloud, session.config, session.api)
        findings = checks.examine()
        if fix and any(finding.fixable for finding in findings):
            with session.deliverables.held("deploy doctor --fix"):
                recorded = session.recorded_state()
                current = session.current_state(recorded)
                desired = session.desired_state(current)
                _apply(session, prerequisites_plan(desired, current, recorded, session.settings))
            findings = checks.examine()
        show_findings(output_console(), findings)
        if any(finding.fixable for finding in findings):
            output_console().print("`make doctor FIX=1` enables the APIs and creates the repository.")
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

    with _errors_as_sentences():
        session = _session(context)
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
    model: Annotated[str, typer.Argument(help="The name of a model, `directory` or `page`.")],
    limit: Annotated[int, typer.Option(min=1, help="Number of lines.")] = 50,
) -> None:
    """Show the last log lines of a service."""
    with _errors_as_sentences():
        session = _session(context)
        service = service_name(model) if model in ("directory", "page") else session.catalog[model].service
        print(session.gcloud(Commands(session.settings).read_logs(service, limit)), end="")


@app.command()
def rollback(
    context: typer.Context,
    release: Annotated[int | None, typer.Argument(help="The number of a release. Default: the previous one.")] = None,
    yes: Yes = False,
) -> None:
    """Go back to a release: services, list of models and gateway config."""
    from deploy.plan.rollback import chosen_release, rollback_plan

    with _errors_as_sentences(changes=True):
        session = _session(context)
        with session.deliverables.held("deploy rollback"):
            recorded = session.recorded_state()
            target = chosen_release(recorded, release)
            current = session.current_state(recorded, _tell)
            items = session.gcloud.json(Commands(session.settings).list_revisions())
            revisions = {item["metadata"]["name"] for item in items}
            steps = rollback_plan(target, revisions, current, recorded, session.settings)
            title = f"{_title(session)}, back to release {target.release} of {target.at}"
            show_plan(output_console(), steps, title)
            if steps and _confirmed(yes, "Go back?"):
                _apply(session, steps)


@app.command()
def down(context: typer.Context, yes: Yes = False) -> None:
    """Remove what `up` created, as recorded in deliverables.yaml, and nothing else."""
    from deploy.plan.destroy import destroy_plan

    with _errors_as_sentences(changes=True):
        session = _session(context)
        with session.deliverables.held("deploy down"):
            recorded = session.recorded_state()
            if not recorded.created:
                _tell(f"{session.deliverables.path} lists no created resources: nothing to remove.")
                return
            steps = destroy_plan(session.current_state(recorded, _tell), recorded, session.settings)
            show_plan(output_console(), steps, _title(session), commands=False)
            if not yes and not sys.stdin.isatty():
                raise SettingsError("Confirm with YES=1 or --yes: there is no terminal to ask.")
            project = session.settings.project
            if not yes and typer.prompt(f"Type {project} to remove all of this") != project:
                raise SettingsError("The name does not match: nothing was removed.")
            _apply(session, steps)
            session.deliverables.empty()


@app.command()
def cost(
    requests: Annotated[int, typer.Option(min=0, help="Requests to each model per month.")] = 100_000,
    seconds: Annotated[float, typer.Option(min=0, help="Seconds that an instance is busy with one request.")] = 0.1,
    page_hours: Annotated[float, typer.Option(min=0, help="Hours per month in which somebody has the page open.")] = 20,
    models: Models = "",
) -> None:
    """Estimate the cost of a month, with the arithmetic. Works offline."""
    with _errors_as_sentences():
        catalog = load_catalog(catalog_path(os.environ))
        names = (models or os.environ.get("MODELS", "")).replace(",", " ").split()
        selected = catalog.select(names) if names else list(catalog)
        output_console().print(bill_table(bill(selected, Traffic(requests, seconds, page_hours), read_prices())))


def _session(context: typer.Context, models: str = "") -> Session:
    from deploy.session import Session

    def interrupt(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    signal.signal(signal.SIGTERM, interrupt)
    console = error_console()
    return Session.open(os.environ, lambda text: console.print(text, markup=False), **context.obj, MODELS=models)


def _title(session: Session) -> str:
    return f"{session.settings.project} in {session.settings.region}"


def _tell(text: str) -> None:
    output_console().print(text, markup=False)


def _apply(session: Session, steps: Plan) -> None:
    session.deliverables.start(session.settings)
    with plan_progress(output_console(), steps) as progress:
        session.applier(progress).run(steps)


def _show_urls(session: Session) -> None:
    recorded = session.deliverables.read()
    page = recorded.services.get(session.settings.page)
    _tell(f"The API:  {recorded.gateway.url}")
    _tell(f"The page: {page.url if page else ''}")
    _tell(
        f"The key:  gcloud secrets versions access latest --secret={recorded.gateway.secret}"
        f" --project={session.settings.project}"
    )


def _confirmed(yes: bool, question: str) -> bool:
    """Whether to continue; without a terminal, nobody is asked."""
    if yes or not sys.stdin.isatty() or typer.confirm(question):
        return True
    print("Nothing was changed.")
    return False


@contextmanager
def _errors_as_sentences(*, changes: bool = False) -> Iterator[None]:
    """Prints expected errors as sentences; exits with 1, or 130 after Ctrl-C. `changes`: the command changes things."""
    try:
        yield
    except KeyboardInterrupt:
        outcome = "finished steps are recorded; run again to continue" if changes else "nothing was changed"
        error_console().print(f"Interrupted: {outcome}.")
        raise typer.Exit(130) from None
    except (DeployError, CatalogError) as err:
        error_console().print(str(err), style="red", markup=False)
        raise typer.Exit(130 if isinstance(err, Interrupted) else 1) from err
    except BrokenPipeError:
        raise  # the reader of the output has closed it
    except OSError as err:
        sentence = f"{err.filename or 'A file'} cannot be read or written ({err.strerror}): fix this, then run again."
        error_console().print(sentence, style="red", markup=False)
        raise typer.Exit(1) from err
