"""`python -m deploy images`: builds the container images on this machine, with the Cloud Build file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deploy.settings import ROOT, DeploySettings
from services.catalog import DEFAULT_PATH, CatalogError, load_catalog


def images(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME…", help="Models, `directory`, `page`. Default: the default models and both."),
    ] = None,
    registry: Annotated[
        str, typer.Option(help="Push to this registry, such as 127.0.0.1:5000/guichet. Default: do not push.")
    ] = "",
    engine: Annotated[str, typer.Option(help="docker or buildah. Default: the first that works.")] = "",
    catalog_path: Annotated[Path, typer.Option("--catalog", envvar="CATALOG", help="The catalog.")] = DEFAULT_PATH,
    check: Annotated[bool, typer.Option("--check", help="Check the Cloud Build file, and build nothing.")] = False,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Show the sizes of the built images, and build nothing.")
    ] = False,
) -> None:
    """Build the container images on this machine, with Docker or buildah."""
    from deploy.cloudbuild.build_file import read_build
    from deploy.cloudbuild.engines import found_engine
    from deploy.cloudbuild.image_sizes import image_sizes, table
    from deploy.cloudbuild.local_build import LocalBuild
    from deploy.errors import DeployError
    from deploy.plan.container_images import BASES, directory_image, images_to_build, page_image, substitutions
    from deploy.report.console import error_console, output_console

    try:
        catalog = load_catalog(catalog_path)
        known = images_to_build([], catalog)
        default = [model.name for model in catalog.default] + [directory_image().name, page_image().name]
        if unknown := set(names or ()) - known.keys():
            raise DeployError(f"There is no image {min(unknown)!r}; there are {', '.join(known)}.")
        selected = [known[name] for name in dict.fromkeys(names or default)]
        settings = local_settings(registry or "localhost", catalog_path.absolute())
        if check:
            for image in [*selected, *(known[base] for base in BASES)]:
                read_build(ROOT / image.build_file, substitutions(image, settings))
            output_console().print("The Cloud Build files are valid.")
            return
        found = found_engine(engine)
        if sizes:
            print(table([image_sizes(found, image.name, f"{settings.image(image.name)}:latest") for image in selected]))
            return
        console = output_console()
        build = LocalBuild(
            found, ROOT, lambda step, line: console.print(f"{step}: {line}", markup=False), bool(registry)
        )
        for image in selected:
            console.print(f"{image.name}: building with {found.name}", style="bold")
            build_id = build.run(image.build_file, substitutions(image, settings))
            console.print(f"{image.name}: built {settings.image(image.name)}:{build_id}", style="green")
    except (DeployError, CatalogError) as err:
        error_console().print(str(err), style="red", markup=False)
        raise typer.Exit(1) from err
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def local_settings(registry: str, catalog: Path = DEFAULT_PATH) -> DeploySettings:
    """Settings that keep the images in `registry` instead of Google's."""

    @dataclass(frozen=True)
    class LocalSettings(DeploySettings):
        @property
        def registry(self) -> str:
            return registry

    return LocalSettings(project="local", catalog=catalog)
