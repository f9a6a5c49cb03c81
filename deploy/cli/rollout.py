"""The commands of staged deployments and of API keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.invocation import Models, Yes, changing, errors_as_sentences, open_session, show_and_run, tell
from deploy.errors import SettingsError
from deploy.report.console import output_console


def compare(
    context: typer.Context,
    images: Annotated[
        Path, typer.Option(envvar="IMAGES", help="A folder of images; in folders named by label, if labels are known.")
    ] = Path("services/calibration"),
    models: Models = "",
) -> None:
    """Show what the staged revisions would change: predictions, latency, and accuracy where labels are known."""
    from deploy.plan.rollout import staged
    from deploy.report.compare import compare_services, comparison_table, read_images

    with errors_as_sentences():
        session = open_session(context, models)
        current = session.current_state(session.recorded_state())
        chosen = [session.catalog[name].service for name in session.settings.models]
        own = (session.settings.directory, session.settings.page)
        there = [one for name, one in staged(current).items() if name not in own and (not chosen or name in chosen)]
        found = compare_services(there, read_images(images), session.identity())
        output_console().print(comparison_table(found))


def promote(
    context: typer.Context,
    percent: Annotated[int, typer.Option(envvar="PERCENT", min=1, max=100, help="The share of the traffic.")] = 100,
    models: Models = "",
    yes: Yes = False,
) -> None:
    """Send traffic to the staged revisions: a part (PERCENT=10), or all of it, which makes them a release."""
    from deploy.plan.rollout import promote_plan, share_plan

    with changing(context, "promote", models) as (session, recorded):
        current = session.current_state(recorded, tell)
        if percent == 100:
            steps = promote_plan(session.desired_state(current), current, recorded, session.settings)
        else:
            steps = share_plan(current, percent, session.settings)
        show_and_run(session, steps, yes)


def abort(context: typer.Context, yes: Yes = False) -> None:
    """Send all traffic back to the revisions that had it before `STAGE=1`."""
    from deploy.plan.rollout import abort_plan

    with changing(context, "abort") as (session, recorded):
        show_and_run(session, abort_plan(session.current_state(recorded, tell), session.settings), yes)


def keys(
    context: typer.Context,
    create: Annotated[str, typer.Option(envvar="CREATE", help="Create a key for this consumer.")] = "",
    rotate: Annotated[
        str, typer.Option(envvar="ROTATE", help="Create another key for this consumer; the old one stays valid.")
    ] = "",
    revoke: Annotated[str, typer.Option(envvar="REVOKE", help="Revoke the key with this name.")] = "",
    local: Annotated[
        Path | None, typer.Option(envvar="LOCAL", help="A keys file of the local gateway instead of Google Cloud.")
    ] = None,
    yes: Yes = False,
) -> None:
    """List the API keys, create one per consumer, rotate or revoke one. The page has a key of its own."""
    from deploy import api_keys

    with errors_as_sentences(changes=True):
        if sum(map(bool, (create, rotate, revoke))) > 1:
            raise SettingsError("Set one of CREATE, ROTATE and REVOKE.")
        if local is not None:
            for line in api_keys.change_local_keys(local, create or rotate, revoke, rotating=bool(rotate)):
                tell(line)
            return
    with changing(context, "keys") as (session, recorded):
        current = session.current_state(recorded)
        if not (create or rotate or revoke):
            output_console().print(api_keys.keys_table(current, recorded))
            return
        moment = f"{session.now():%Y%m%d-%H%M%S}"
        steps = api_keys.key_plan(current, recorded, session.settings, create, rotate, revoke, moment)
        show_and_run(session, steps, yes)


COMMANDS = (compare, promote, abort, keys)
