"""The end of a plan: the proof, the release that it makes, and what nothing needs any more."""

from __future__ import annotations

from deploy.difference.draft import Draft
from deploy.record import KEPT_RELEASES
from deploy.steps import Command, Conclude, Note, Prove, Resource, placeholder, value_name

RUNNING = ("cpu", "memory", "concurrency", "min_instances", "max_instances", "deadline")


def conclusion(draft: Draft) -> None:
    """A first request to every model, and the release that it proves: unless nothing changed since the last one."""
    if not draft.steps and _is_released(draft):
        return
    routes = tuple(f"{model.route}/ready" for model in draft.desired.models)
    former = draft.actual.gateways.get(draft.settings.gateway)
    undo = former.config if former and draft.actual.configs.get(former.config) == "ACTIVE" else ""
    if undo == draft.known.get("CONFIG"):
        undo = ""
    prove = Prove(
        address=placeholder("GATEWAY_URL"),
        routes=routes,
        key=draft.commands.read_secret(draft.settings.key_secret),
        former=undo,
        undo=draft.commands.update_gateway(undo) if undo else (),
    )
    conclude = Conclude(
        config=placeholder("CONFIG"),
        document=placeholder("DOCUMENT"),
        models=tuple(model.name for model in draft.desired.models),
        services={name: _released(draft, name) for name in draft.serving},
    )
    count = f"{len(routes)} models" if len(routes) > 1 else "1 model"
    draft.add("prove", "check", f"a first request to {count}", [prove, conclude], needs=[s.id for s in draft.steps])


def removals(draft: Draft) -> None:
    """What is in the record and not in the catalog; last, as it was in use until now."""
    if not draft.desired.whole:
        return
    wanted = {service.name for service in (*draft.desired.services, draft.desired.directory, draft.desired.page)}
    for name in sorted(set(draft.recorded.services) - wanted):
        resource = Resource("service", name)
        forgotten = [Note(("services", name)), Note(("images", name.removeprefix("guichet-")))]
        if name not in draft.actual.services:
            gone = "it is gone already"
            draft.add(f"remove {name}", "remove", str(resource), why=gone, notes=forgotten, forgets=[resource])
        elif draft.created(resource):
            draft.add(
                f"remove {name}",
                "remove",
                str(resource),
                [Command(draft.commands.delete_service(name), removes=resource)],
                why="its model is not in the catalog",
                needs=["gateway", "prove"],
                notes=forgotten,
            )
        else:
            draft.remarks.append(f"{name} is not in the catalog, but was not created by `up`: it stays.")
    if draft.planned("prove"):
        _outdated_configs(draft)


def _is_released(draft: Draft) -> bool:
    """Whether the newest release says just what is there."""
    latest = draft.recorded.latest
    if latest is None:
        return False
    then = {name: service.revision for name, service in latest.services.items()}
    now = {name: draft.known.get(value_name("revision", name)) for name in draft.serving}
    return (latest.config, latest.document, then) == (draft.known.get("CONFIG"), draft.known.get("DOCUMENT"), now)


def _released(draft: Draft, name: str) -> dict[str, str | int | float]:
    """What a release remembers of a service: to send traffic back to it, or to make it anew."""
    image = name.removeprefix("guichet-")
    model = next((model for model in draft.desired.models if model.service == name), None)
    return {
        "revision": placeholder(value_name("revision", name)),
        "image": placeholder(value_name("image", image)),
        "content": draft.desired.contents.get(image) or draft.actual.services[name].content,
        **({field: getattr(model, field) for field in RUNNING} if model else {}),
    }


def _outdated_configs(draft: Draft) -> None:
    """Configs that were made here and that no kept release, nor any gateway, has."""
    kept = {release.config for release in draft.recorded.releases[-(KEPT_RELEASES - 1) :]}
    kept |= {gateway.config for gateway in draft.actual.gateways.values()} | {draft.known.get("CONFIG", "")}
    for config in sorted(set(draft.actual.configs) - kept):
        resource = Resource("config", config)
        if draft.created(resource):
            draft.add(
                f"remove {config}",
                "remove",
                str(resource),
                [Command(draft.commands.delete_config(config), removes=resource)],
                why="no recorded release needs it",
                needs=["gateway", "prove"],
            )
