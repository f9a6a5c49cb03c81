"""The command line: `python -m deploy COMMAND`.

Every command imports what it needs when it runs, so that `local` works without Google's libraries.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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

Models = Annotated[str, typer.Option(help="Names of models, for a part of the catalog. [env: MODELS; default: all]")]
Yes = Annotated[bool, typer.Option("--yes", "-y", envvar="YES", help="Ask nothing.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@app.callback()
def main(
    context: typer.Context,
    project: Annotated[str, typer.Option(help="[env: PROJECT_ID; default: gcloud's]")] = "",
    region: Annotated[str, typer.Option(help="[env: REGION; default: us-central1]")] = "",
    repository: Annotated[str, typer.Option(help="Of the images. [env: REPOSITORY; default: hw5-images]")] = "",
    deliverables: Annotated[str, typer.Option(help="The record. [env: DELIVERABLES; default: deliverables.yaml]")] = "",
) -> None:
    """Bring the catalog's models, their gateway and the page to one machine or to Google Cloud."""
    context.obj = {
        "PROJECT_ID": project,
        "REGION": region,
        "REPOSITORY": repository,
        "DELIVERABLES": deliverables,
    }


app.command("local")(local)


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

    with _sentences():
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

    with _sentences():
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
    return yes or not sys.stdin.isatty() or typer.confirm(question)


@contextmanager
def _sentences() -> Iterator[None]:
    """Every failure as a sentence, and exit 1; 130 after Ctrl-C."""
    from deploy.console import complaints
    from deploy.errors import DeployError, Interrupted
    from services.catalog import CatalogError

    try:
        yield
    except KeyboardInterrupt:
        complaints().print("Interrupted: what is done is recorded; run again to go on from here.")
        raise typer.Exit(130) from None
    except (DeployError, CatalogError) as err:
        complaints().print(str(err), style="red", markup=False)
        raise typer.Exit(130 if isinstance(err, Interrupted) else 1) from err


if __name__ == "__main__":
    app(prog_name="python -m deploy")
