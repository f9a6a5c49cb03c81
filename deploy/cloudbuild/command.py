"""`python -m deploy images`: build the images on this machine, by the files that Cloud Build carries out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deploy.settings import Settings
from services.catalog import CatalogError, load_catalog

ROOT = Path(__file__).parents[2]


def images(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME…", help="Models, `directory`, `page`. Default: the default models and both."),
    ] = None,
    registry: Annotated[
        str, typer.Option(help="Push to this registry, such as 127.0.0.1:5000/guichet. Without: keep them here.")
    ] = "",
    engine: Annotated[str, typer.Option(help="docker or buildah. Default: the first that works.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Check the Cloud Build files, and build nothing.")] = False,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Show what the built images weigh, and build nothing.")
    ] = False,
) -> None:
    """Build images here, step by step as Cloud Build would, with Docker or buildah."""
    from deploy.cloudbuild.check import read_build
    from deploy.cloudbuild.engines import found_engine
    from deploy.cloudbuild.runner import Runner
    from deploy.cloudbuild.sizes import image_sizes, table
    from deploy.console import complaints, terminal
    from deploy.errors import DeployError
    from deploy.images import directory_image, page_image, substitutions, wanted_images

    try:
        catalog = load_catalog()
        wanted = wanted_images([], catalog)
        default = [model.name for model in catalog.default] + [directory_image().name, page_image().name]
        if unknown := set(names or ()) - wanted.keys():
            raise DeployError(f"There is no image {min(unknown)!r}; there are {', '.join(wanted)}.")
        chosen = [wanted[name] for name in dict.fromkeys(names or default)]
        settings = local_settings(registry or "localhost")
        if check:
            for image in chosen:
                read_build(ROOT / image.file, substitutions(image, settings))
            terminal().print(f"Cloud Build would take {', '.join(sorted({image.file for image in chosen}))}.")
            return
        found = found_engine(engine)
        if sizes:
            print(table([image_sizes(found, image.name, f"{settings.image(image.name)}:latest") for image in chosen]))
            return
        console = terminal()
        runner = Runner(found, ROOT, lambda step, line: console.print(f"{step}: {line}", markup=False), bool(registry))
        for image in chosen:
            console.print(f"{image.name}: {image.file}, with {found.name}", style="bold")
            number = runner.run(image.file, substitutions(image, settings))
            console.print(f"{image.name}: built {settings.image(image.name)}:{number}", style="green")
    except (DeployError, CatalogError) as err:
        complaints().print(str(err), style="red", markup=False)
        raise typer.Exit(1) from err
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def local_settings(place: str) -> Settings:
    """Settings under which the images are kept at `place` instead of in Google's registry."""

    @dataclass(frozen=True)
    class Local(Settings):
        @property
        def registry(self) -> str:
            return place

    return Local(project="local")
