"""What everything else stands on: APIs, the repository, service accounts, images."""

from __future__ import annotations

from deploy.actual import UNDER_WAY
from deploy.difference.draft import Draft
from deploy.images import substitutions
from deploy.settings import APIS
from deploy.steps import Build, Command, Resource, value_name


def apis(draft: Draft) -> None:
    """The APIs of Google that are not enabled."""
    if missing := [api for api in APIS if api not in draft.actual.enabled]:
        names = ", ".join(api.partition(".")[0] for api in missing)
        enabled = tuple(Resource("enabled API", api) for api in missing)
        draft.add("enable", "create", f"APIs {names}", [Command(draft.commands.enable(missing), creates=enabled)])


def repository(draft: Draft) -> None:
    """Where the images are kept."""
    name = draft.settings.repository
    if name not in draft.actual.repositories:
        command = Command(draft.commands.create_repository(), creates=(Resource("repository", name),))
        draft.add("repository", "create", f"repository {name}", [command], needs=["enable"])


def accounts(draft: Draft) -> None:
    """The service accounts, which have no roles of their own."""
    for name, purpose in draft.desired.accounts.items():
        if draft.settings.account(name) not in draft.actual.accounts:
            command = Command(draft.commands.create_account(name, purpose), creates=(Resource("account", name),))
            draft.add(f"account {name}", "create", f"account {name}", [command], needs=["enable"])


def images(draft: Draft) -> None:
    """The images that are not there with the content they should have."""
    for name in draft.desired.images:
        found = "" if name in draft.rebuild else _built(draft, name)
        if found:
            draft.know("image", name, found)
        else:
            _build(draft, name)


def _built(draft: Draft, name: str) -> str:
    """The image by tag and digest, where one with the wanted content is known to have been built."""
    if draft.settings.repository not in draft.actual.repositories:
        return ""
    wanted, uri = draft.desired.contents[name], draft.settings.image(name)
    entry = draft.recorded.images.get(name)
    if entry and entry.content == wanted and entry.image and entry.image.startswith(f"{uri}:"):
        return entry.image
    service = draft.actual.services.get(f"guichet-{name}")
    if service and service.content == wanted and service.image.startswith(f"{uri}:"):
        return service.image
    for build in draft.actual.builds:
        if (build.image, build.content, build.status) == (name, wanted, "SUCCESS"):
            tag = f"{uri}:{build.id}"
            return f"{tag}@{build.results[tag]}" if tag in build.results else ""
    return ""


def _build(draft: Draft, name: str) -> None:
    """A build, or the following of one that an interrupted run has submitted."""
    content, image = draft.desired.contents[name], draft.desired.images[name]
    under_way = ""
    if name not in draft.rebuild:
        ours = (build for build in draft.actual.builds if (build.image, build.content) == (name, content))
        under_way = next((build.id for build in ours if build.status in UNDER_WAY), "")
    staging = f"{draft.settings.staging}/{name}-{content}"
    submit = draft.commands.submit(image.file, substitutions(image, draft.settings), staging)
    entry = draft.recorded.images.get(name)
    draft.add(
        f"build {name}",
        "change" if entry and entry.image else "create",
        f"image guichet-{name}",
        [
            Build(
                image=name,
                uri=draft.settings.image(name),
                content=content,
                argv=() if under_way else submit,
                yields=value_name("image", name),
                build=under_way,
                creates=tuple(Resource("image", f"guichet-{pushed}") for pushed in (image.base, name)),
            )
        ],
        why="it is being built" if under_way else "its content changed" if entry and entry.content != content else "",
        needs=["enable", "repository"],
    )
