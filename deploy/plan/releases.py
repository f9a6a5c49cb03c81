"""The end of a plan: the smoke test, the release, and the removal of what is no longer needed."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.cloud.commands import Commands
from deploy.cloud.resources import Resource
from deploy.cloud.states import ACTIVE
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.reference_scores import ReferenceScores
from deploy.plan.steps import Command, RecordRelease, SmokeTest, Step, placeholder, value_name
from deploy.recorded_state import KEPT_RELEASES, RUN_FIELDS, Note
from deploy.settings import DeploySettings, short_name


def new_release(builder: PlanBuilder) -> None:
    """A smoke test of every model, and a release if it passes; nothing if the last release is deployed unchanged."""
    if not builder.steps and _is_released(builder):
        return
    gateway = builder.current.gateways.get(builder.settings.gateway)
    former = gateway.config if gateway and builder.current.configs.get(gateway.config) == ACTIVE else ""
    release = RecordRelease(
        config=placeholder("CONFIG"),
        document=placeholder("DOCUMENT"),
        models=tuple(model.name for model in builder.desired.models),
        services={name: _released(builder, name) for name in builder.serving},
    )
    if former == builder.known.get("CONFIG"):
        former = ""
    # A staged revision gets no requests yet.
    references = () if builder.staging else builder.desired.references
    builder.steps.append(smoke_test_step(release, former, builder.steps, builder.settings, references))


def smoke_test_step(
    release: RecordRelease,
    former: str,
    steps: Iterable[Step],
    settings: DeploySettings,
    references: tuple[ReferenceScores, ...] = (),
) -> Step:
    """The step after `steps` that tests every model, and records the release or resets the gateway to `former`."""
    commands = Commands(settings)
    smoke_test = SmokeTest(
        address=placeholder("GATEWAY_URL"),
        routes=tuple(f"/v1/models/{model}/ready" for model in release.models),
        key=commands.read_secret(settings.key_secret),
        former=former,
        undo=commands.update_gateway(former) if former else (),
        references=references,
    )
    what = f"a request to {len(release.models)} model{'s' * (len(release.models) != 1)}"
    return Step("smoke test", "check", what, "", tuple(step.id for step in steps), (smoke_test, release))


def removals(builder: PlanBuilder) -> None:
    """Removes services that are in the record and not in the catalog, after the gateway no longer uses them."""
    if not builder.desired.whole:
        return
    wanted = {service.name for service in (*builder.desired.services, builder.desired.directory)}
    wanted |= {builder.settings.page} | builder.desired.left_out
    for name in sorted(set(builder.recorded.services) - wanted):
        resource = Resource("service", name)
        forgotten = [Note(("services", name)), Note(("images", short_name(name)))]
        if name not in builder.current.services:
            gone = "already deleted"
            builder.add(f"remove {name}", "remove", str(resource), why=gone, notes=forgotten, forgets=[resource])
        elif builder.created(resource):
            builder.add(
                f"remove {name}",
                "remove",
                str(resource),
                [Command(builder.commands.delete_service(name), removes=resource)],
                why="its model is not in the catalog",
                needs=["gateway", "smoke test"],
                notes=forgotten,
            )
        else:
            builder.remarks.append(f"{name} is not in the catalog, but `up` did not create it: it stays.")
    if builder.planned("smoke test"):
        # The oldest makes room for the new one.
        kept = builder.recorded.releases[-(KEPT_RELEASES - 1) :]
        _outdated_configs(builder, {release.config for release in kept})
        _outdated_documents(builder, {release.document for release in kept})


def _is_released(builder: PlanBuilder) -> bool:
    """Whether the current state is the newest release."""
    latest = builder.recorded.latest
    if latest is None:
        return False
    then = {name: service.revision for name, service in latest.services.items()}
    now = {name: builder.known.get(value_name("revision", name)) for name in builder.serving}
    return (latest.config, latest.document, then) == (builder.known.get("CONFIG"), builder.known.get("DOCUMENT"), now)


def _released(builder: PlanBuilder, name: str) -> dict[str, str | int | float]:
    """The entry of a service in a release; see ReleasedService."""
    image = short_name(name)
    model = next((model for model in builder.desired.models if model.service == name), None)
    return {
        "revision": placeholder(value_name("revision", name)),
        "image": placeholder(value_name("image", image)),
        "content": builder.desired.contents.get(image) or builder.current.services[name].content,
        **({field: getattr(model, field) for field in sorted(RUN_FIELDS)} if model else {}),
    }


def _outdated_configs(builder: PlanBuilder, kept: set[str]) -> None:
    """Removes configs of earlier deployments that no kept release and no gateway uses."""
    kept |= {gateway.config for gateway in builder.current.gateways.values()} | {builder.known.get("CONFIG", "")}
    for config in sorted(set(builder.current.configs) - kept):
        resource = Resource("config", config)
        if builder.created(resource):
            builder.add(
                f"remove {config}",
                "remove",
                str(resource),
                [Command(builder.commands.delete_config(config), removes=resource)],
                why="no recorded release uses it",
                needs=["gateway", "smoke test"],
            )


def _outdated_documents(builder: PlanBuilder, kept: set[str]) -> None:
    """Destroys versions of the directory's document that no kept release uses."""
    secret = builder.settings.document_secret
    kept |= {builder.known.get("DOCUMENT", ""), builder.recorded.document.version}
    outdated = [version for version in builder.current.secrets.get(secret, ()) if version not in kept]
    if outdated and builder.created(Resource("secret", secret)):
        destroy = [Command(builder.commands.destroy_version(secret, version)) for version in outdated]
        builder.add(
            "remove documents",
            "remove",
            f"{len(outdated)} old versions of secret {secret}",
            destroy,
            why="no recorded release uses them",
            needs=["gateway", "smoke test"],
        )
