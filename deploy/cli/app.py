"""The command line.

Commands import the modules that need Google's libraries when they run, so that `local` works without them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli import changes, reports, rollout
from deploy.cloudbuild.command import images
from deploy.kubernetes.command import manifests
from deploy.local.command import local

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


for command in (local, images, manifests, *reports.COMMANDS, *changes.COMMANDS, *rollout.COMMANDS):
    app.command()(command)
