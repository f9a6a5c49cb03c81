"""The command line: `python -m deploy COMMAND`.

Every command imports what it needs when it runs, so that `local` works without Google's libraries.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cloudbuild.command import images
from deploy.local.command import local

if TYPE_CHECKING:
    from deploy.session import Session
    from deploy.steps import Plan

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Models = Annotated[
    str, typer.Option(help="Names of models, for a part of the catalog. MODELS says it too; default: all.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", envvar="YES", help="Ask nothing.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@app.callback()
def main(
    context: typer.Context,
    project: Annotated[str, typer.Option(help="Where to deploy. PROJECT_ID says it too; default: gcloud's.")] = "",
    region: Annotated[str, typer.Option(help="REGION says it too; default: us-central1.")] = "",
    repository: Annotated[str, typer.Option(help="Of the images. REPOSITORY says it too; default: hw5-images.")] = "",
    deliverables: Annotated[
        str, typer.Option(help="The record. DELIVERABLES says it too; default: deliverables.yaml.")
    ] = "",
) -> None:
    """Bring the catalog's models, their gateway and the page to one machine or to Google Cloud."""
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
        str, typer.Option(help="Write the plan as a bash script that runs alone; - is standard output.")
    ] = "",
) -> None:
    """Say what `up` would do, and with which commands. Changes nothing."""
    from deploy.console import complaints, show_plan, terminal
    from deploy.script import script as as_script

    with _sentences():
        session = _session(context, models)
        recorded = session.recorded()
        actual = session.actual(recorded)
        if actual.moving:
            complaints().print(f"A change is under way, and may end otherwise: {', '.join(actual.moving)}.")
        wanted = session.plan(recorded, actual)
        if script == "-":
            print(as_script(wanted, session.settings), end="")
        elif script:
            Path(script).write_text(as_script(wanted, session.settings), encoding="utf-8")
            terminal().print(f"Written: {script}. It is run from the repository's root: bash {script}", markup=False)
        else:
            show_plan(terminal(), wanted, _title(session))


@app.command()
def up(context: typer.Context, models: Models = "", yes: Yes = False) -> None:
    """Carry out the plan: what is missing or differs, and nothing else. Run it again after an interruption."""
    from deploy.console import show_plan, terminal

    with _sentences(changes=True):
        session = _session(context, models)
        with session.deliverables.held("deploy up"):
            recorded = session.recorded()
            actual = session.actual(recorded, lambda text: terminal().print(text, markup=False))
            wanted = session.plan(recorded, actual)
            show_plan(terminal(), wanted, _title(session), commands=False)
            if wanted and _agreed(yes, "Carry it out?"):
                _carry_out(session, wanted)
                _welcome(session)


@app.command()
def build(
    context: typer.Context,
    models: Models = "",
    force: Annotated[bool, typer.Option("--force", help="Build also what is there with the same content.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the submissions, and submit nothing.")] = False,
) -> None:
    """Submit the images that are missing to Cloud Build, and wait for them."""
    from deploy import images
    from deploy.console import command_lines, show_plan, terminal
    from deploy.difference import image_difference

    with _sentences(changes=True):
        session = _session(context, models)
        with session.deliverables.held("deploy build"):
            recorded = session.recorded()
            actual = session.actual(recorded)
            every = frozenset(images.wanted_images(session.settings.models, session.catalog)) if force else frozenset()
            wanted = image_difference(session.desired(actual), actual, recorded, session.settings, every)
            if dry_run:
                for line in command_lines(wanted):
                    print(line)
                return
            show_plan(terminal(), wanted, _title(session), commands=False)
            if wanted:
                _carry_out(session, wanted)


@app.command()
def doctor(
    context: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Enable APIs and create the repository where missing.")] = False,
) -> None:
    """Check everything that a deployment needs; each fault comes with the command that cures it."""
    from deploy.console import show_findings, terminal
    from deploy.difference import prerequisites
    from deploy.doctor import READY, Doctor

    with _sentences(changes=True):
        session = _session(context)
        clinic = Doctor(session.settings, session.gcloud, session.config, session.api)
        findings = clinic.examine()
        if fix and any(finding.fixable for finding in findings):
            with session.deliverables.held("deploy doctor --fix"):
                recorded = session.recorded()
                actual = session.actual(recorded)
                _carry_out(session, prerequisites(session.desired(actual), actual, recorded, session.settings))
            findings = clinic.examine()
        show_findings(terminal(), findings)
        if any(finding.fixable for finding in findings):
            terminal().print("`make doctor FIX=1` enables the APIs and creates the repository.")
        if any(finding.verdict == "missing" for finding in findings):
            raise typer.Exit(1)
        terminal().print(READY)


@app.command()
def status(
    context: typer.Context,
    as_json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every few seconds, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks of --watch.")] = 10,
) -> None:
    """Show how everything is, on one screen: versions, traffic, latency through the gateway. Exit 1 if not well."""
    import json

    from rich.live import Live

    from deploy.console import terminal
    from deploy.status import screen

    with _sentences():
        session = _session(context)
        found = session.status()
        if as_json:
            print(json.dumps(found.as_json(), indent=2))
        elif not watch:
            terminal().print(screen(found))
        else:
            with suppress(KeyboardInterrupt), Live(screen(found), console=terminal(), auto_refresh=False) as live:
                while not session.stop.wait(every):
                    found = session.status()
                    live.update(screen(found), refresh=True)
        if not found.healthy:
            raise typer.Exit(1)


@app.command()
def logs(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A model's name, `directory` or `page`.")],
    limit: Annotated[int, typer.Option(min=1, help="How many lines.")] = 50,
) -> None:
    """Show what a model's service wrote last."""
    from deploy.commands import Commands

    with _sentences():
        session = _session(context)
        service = f"guichet-{model}" if model in ("directory", "page") else session.catalog[model].service
        print(session.gcloud.must(Commands(session.settings).read_logs(service, limit)), end="")


@app.command()
def rollback(
    context: typer.Context,
    release: Annotated[int | None, typer.Argument(help="Its number; default: the one before the present.")] = None,
    yes: Yes = False,
) -> None:
    """Go back to a release: services, what the directory lists, and the gateway's config together."""
    from deploy.commands import Commands
    from deploy.console import show_plan, terminal
    from deploy.rollback import chosen_release, rollback_plan

    with _sentences(changes=True):
        session = _session(context)
        with session.deliverables.held("deploy rollback"):
            recorded = session.recorded()
            target = chosen_release(recorded, release)
            actual = session.actual(recorded, lambda text: terminal().print(text, markup=False))
            revisions = session.gcloud.json(Commands(session.settings).list_revisions())
            there = {item["metadata"]["name"] for item in revisions}
            wanted = rollback_plan(target, there, actual, recorded, session.settings)
            show_plan(terminal(), wanted, f"{_title(session)}, back to release {target.release} of {target.at}")
            if wanted and _agreed(yes, "Go back?"):
                _carry_out(session, wanted)


@app.command()
def down(context: typer.Context, yes: Yes = False) -> None:
    """Remove what `up` created, as deliverables.yaml lists it, and nothing else."""
    from deploy.console import show_plan, terminal
    from deploy.down import down_plan
    from deploy.errors import SettingsError

    with _sentences(changes=True):
        session = _session(context)
        with session.deliverables.held("deploy down"):
            recorded = session.recorded()
            if not recorded.created:
                terminal().print(f"{session.deliverables.path} lists nothing that was created: nothing to remove.")
                return
            actual = session.actual(recorded, lambda text: terminal().print(text, markup=False))
            wanted = down_plan(actual, recorded, session.settings)
            show_plan(terminal(), wanted, _title(session), commands=False)
            if not yes and not sys.stdin.isatty():
                raise SettingsError("There is no terminal to confirm at: YES=1 removes all that is listed.")
            project = session.settings.project
            if not yes and typer.prompt(f"Type {project} to remove all that") != project:
                raise SettingsError("That is another name: nothing was removed.")
            _carry_out(session, wanted)
            session.deliverables.empty()


@app.command()
def cost(
    requests: Annotated[int, typer.Option(min=0, help="Requests a month to each model.")] = 100_000,
    seconds: Annotated[float, typer.Option(min=0, help="Seconds that one request keeps an instance busy.")] = 0.1,
    page_hours: Annotated[
        float, typer.Option(min=0, help="Hours a month in which somebody has the page open, which is paid for.")
    ] = 20,
    models: Models = "",
) -> None:
    """Estimate what a month costs, with the arithmetic. Asks nobody."""
    from deploy.console import terminal
    from deploy.cost import Traffic, bill, read_prices, screen
    from services.catalog import load_catalog

    with _sentences():
        catalog = load_catalog()
        names = (models or os.environ.get("MODELS", "")).replace(",", " ").split()
        chosen = catalog.select(names) if names else list(catalog)
        terminal().print(screen(bill(chosen, Traffic(requests, seconds, page_hours), read_prices())))


def _session(context: typer.Context, models: str = "") -> Session:
    from deploy.console import complaints
    from deploy.session import Session

    def stopped(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    signal.signal(signal.SIGTERM, stopped)
    console = complaints()
    return Session.open(os.environ, lambda text: console.print(text, markup=False), **context.obj, MODELS=models)


def _title(session: Session) -> str:
    return f"{session.settings.project} in {session.settings.region}"


def _carry_out(session: Session, wanted: Plan) -> None:
    from deploy.console import progress, terminal

    session.deliverables.start(session.settings)
    with progress(terminal(), wanted) as heard:
        session.execution(heard).run(wanted)


def _welcome(session: Session) -> None:
    from deploy.console import terminal

    recorded = session.deliverables.read()
    page = recorded.services.get(session.settings.page)
    lines = [
        f"The API:  {recorded.gateway.url}",
        f"The page: {page.url if page else ''}",
        f"The key:  gcloud secrets versions access latest --secret={recorded.gateway.secret}"
        f" --project={session.settings.project}",
    ]
    for line in lines:
        terminal().print(line, markup=False)


def _agreed(yes: bool, question: str) -> bool:
    """Whether to go on; without a terminal there is nobody to ask."""
    if yes or not sys.stdin.isatty() or typer.confirm(question):
        return True
    print("Nothing was changed.")
    return False


@contextmanager
def _sentences(*, changes: bool = False) -> Iterator[None]:
    """Every failure as a sentence, and exit 1; 130 after Ctrl-C. `changes` says that something may have been done."""
    from deploy.console import complaints
    from deploy.errors import DeployError, Interrupted
    from services.catalog import CatalogError

    try:
        yield
    except KeyboardInterrupt:
        done = "what is done is recorded; run again to go on from here" if changes else "nothing was changed"
        complaints().print(f"Interrupted: {done}.")
        raise typer.Exit(130) from None
    except (DeployError, CatalogError) as err:
        complaints().print(str(err), style="red", markup=False)
        raise typer.Exit(130 if isinstance(err, Interrupted) else 1) from err
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except OSError as err:
        place = err.filename or "A file"
        sentence = f"{place} cannot be read or written ({err.strerror}): put that right, then run again."
        complaints().print(sentence, style="red", markup=False)
        raise typer.Exit(1) from err


if __name__ == "__main__":
    app(prog_name="python -m deploy")
