"""The commands that change what is deployed: up, build, rollback, down."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.invocation import Models, Yes, carry_out, changing, confirmed, show_and_run, tell, title
from deploy.cloud.commands import Commands
from deploy.errors import SettingsError
from deploy.plan.container_images import images_to_build
from deploy.report.console import command_lines, output_console, show_plan

if TYPE_CHECKING:
    from deploy.session import Session


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

    with changing(context, "up", models) as (session, recorded):
        current = session.current_state(recorded, tell)
        if stage:
            show_and_run(session, stage_plan(session.desired_state(current), current, recorded, session.settings), yes)
            return
        steps = session.plan(recorded, current)
        show_plan(output_console(), steps, title(session), commands=False)
        if steps and confirmed(yes, "Continue?"):
            session.deploy(steps, lambda plan: carry_out(session, plan), tell)
            _show_urls(session)


def build(
    context: typer.Context,
    models: Models = "",
    force: Annotated[bool, typer.Option("--force", help="Build images even if they exist.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands, and submit nothing.")] = False,
) -> None:
    """Build the missing container images with Cloud Build."""
    from deploy.plan.deployment import image_build_plan

    with changing(context, "build", models) as (session, recorded):
        current = session.current_state(recorded)
        rebuild = frozenset(images_to_build(session.settings.models, session.catalog)) if force else frozenset()
        steps = image_build_plan(session.desired_state(current), current, recorded, session.settings, rebuild)
        if dry_run:
            for line in command_lines(steps):
                print(line)
        else:
            show_and_run(session, steps, yes=True)


def rollback(
    context: typer.Context,
    release: Annotated[int | None, typer.Argument(help="The number of a release. Default: the previous one.")] = None,
    yes: Yes = False,
) -> None:
    """Go back to a release: services, list of models and gateway config."""
    from deploy.plan.rollback import chosen_release, rollback_plan

    with changing(context, "rollback") as (session, recorded):
        target = chosen_release(recorded, release)
        current = session.current_state(recorded, tell)
        items = session.gcloud.json(Commands(session.settings).list_revisions())
        revisions = {item["metadata"]["name"] for item in items}
        steps = rollback_plan(target, revisions, current, recorded, session.settings)
        show_plan(output_console(), steps, f"{title(session)}, back to release {target.release} of {target.at}")
        if steps and confirmed(yes, "Go back?"):
            carry_out(session, steps).raise_failures()


def down(
    context: typer.Context,
    yes: Yes = False,
    force: Annotated[
        bool, typer.Option(envvar="FORCE", help="Also disable APIs that were used in the last 30 days.")
    ] = False,
) -> None:
    """Remove what `up` created, as recorded in deliverables.yaml, and nothing else."""
    from deploy.plan.destroy import destroy_plan

    with changing(context, "down") as (session, recorded):
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
        if outcome.kept:
            tell("The record still lists what stays. `make destroy FORCE=1` removes it nevertheless.")


def _show_urls(session: Session) -> None:
    recorded = session.deliverables.read()
    page = recorded.services.get(session.settings.page)
    tell(f"The API:  {recorded.gateway.url}")
    tell(f"The page: {page.url if page else ''}")
    tell(
        f"The key:  gcloud secrets versions access latest --secret={recorded.gateway.secret}"
        f" --project={session.settings.project}"
    )


COMMANDS = (up, build, rollback, down)
