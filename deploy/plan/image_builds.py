"""Builds of container images."""

from __future__ import annotations

from deploy.cloud.resources import Resource
from deploy.cloud.states import BUILDING, BUILT
from deploy.cloudbuild.build_file import read_build
from deploy.plan.container_images import BASES, substitutions
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.steps import BuildImage, value_name
from deploy.settings import PREFIX, service_name


def images(builder: PlanBuilder) -> None:
    """Builds the images that do not exist with the desired content; raises BuildFileError before any is built.

    A base image is built once, before the images that share it, and only if one of them is built.
    """
    missing = []
    for name in builder.desired.images:
        if found := "" if name in builder.rebuild else _existing(builder, name):
            builder.know("image", name, found)
        else:
            missing.append(name)
    shared = {builder.desired.images[name].base for name in missing if name not in BASES}
    missing = [name for name in missing if name not in BASES or name in shared]
    # One image stands for all that have the same build file.
    for image in {image.build_file: image for image in map(builder.desired.images.__getitem__, missing)}.values():
        read_build(builder.settings.root / image.build_file, substitutions(image, builder.settings))
    for name in missing:
        _build(builder, name)


def _existing(builder: PlanBuilder, name: str) -> str:
    """The image with the desired content by tag and digest, if one is known to exist."""
    if builder.settings.repository not in builder.current.repositories:
        return ""
    content, uri = builder.desired.contents[name], builder.settings.image(name)
    entry = builder.recorded.images.get(name)
    if entry and entry.content == content and entry.image and entry.image.startswith(f"{uri}:"):
        return entry.image
    service = builder.current.services.get(service_name(name))
    if service and service.content == content and service.image.startswith(f"{uri}:"):
        return service.image
    for build in builder.current.builds:
        if (build.image, build.content, build.status) == (name, content, BUILT):
            tag = f"{uri}:{build.id}"
            return f"{tag}@{build.results[tag]}" if tag in build.results else ""
    return ""


def _build(builder: PlanBuilder, name: str) -> None:
    """Submits a build, or waits for one that an interrupted run has submitted."""
    content, image = builder.desired.contents[name], builder.desired.images[name]
    submitted = ""
    if name not in builder.rebuild:
        ours = (build for build in builder.current.builds if (build.image, build.content) == (name, content))
        submitted = next((build.id for build in ours if build.status in BUILDING), "")
    staging = f"{builder.settings.staging}/{name}-{content}"
    submit = builder.commands.submit(image.build_file, substitutions(image, builder.settings), staging)
    entry = builder.recorded.images.get(name)
    builder.add(
        f"build {name}",
        "change" if entry and entry.image else "create",
        f"image {PREFIX}{name}",
        [
            BuildImage(
                image=name,
                uri=builder.settings.image(name),
                content=content,
                argv=() if submitted else submit,
                yields=value_name("image", name),
                build=submitted,
                creates=(
                    Resource("sources", builder.settings.staging),
                    *(Resource("image", f"{PREFIX}{pushed}") for pushed in dict.fromkeys((image.base, name))),
                ),
            )
        ],
        why="already being built" if submitted else "its content changed" if entry and entry.content != content else "",
        needs=["enable", "repository", *([f"build {image.base}"] if image.base != name else [])],
    )
