"""The Cloud Run services and who may call them."""

from __future__ import annotations

import json

from deploy.cloud.annotations import CONTENT, MANIFEST
from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CloudService
from deploy.cloud.resources import Resource
from deploy.plan import cloud_run_manifests
from deploy.plan.desired_state import DesiredService
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.steps import Action, Command, WriteFile, base_url, placeholder, value_name
from deploy.recorded_state import Note
from deploy.settings import DeploySettings
from services.published_document import COMPRESSED_SUFFIX


def keep_other_models(builder: PlanBuilder) -> None:
    """Keeps the services of models that are behind the gateway but not selected in this run."""
    touched = {service.name for service in builder.desired.services}
    for model in builder.desired.models:
        if model.service not in touched:
            there = builder.current.services[model.service]
            builder.know("address", there.name, there.url)
            builder.know("revision", there.name, there.revision)
            builder.know("image", model.name, there.image)


def directory(builder: PlanBuilder) -> None:
    """The directory's service, and the secret with the document it serves."""
    entry, secret = builder.recorded.document, builder.settings.document_secret
    builder.secret(secret, cloud_run_manifests.DIRECTORY_ACCOUNT, "document", entry.reader)
    versions = builder.current.secrets.get(secret, ())
    if entry.content == builder.desired.published_content and entry.version in versions:
        builder.known["DOCUMENT"] = entry.version
    else:
        file = builder.settings.file(f"published.json{COMPRESSED_SUFFIX}")
        add = Command(builder.commands.add_version(secret, file), yields=("DOCUMENT",))
        builder.add(
            "document",
            "change" if versions else "create",
            "the list of models",
            [WriteFile(file, builder.desired.published), add],
            why="it changed" if versions else "",
            needs=[f"secret {secret}"],
            notes=[
                Note(("document", "content"), builder.desired.published_content),
                Note(("document", "version"), placeholder("DOCUMENT")),
            ],
        )
    service(builder, builder.desired.directory)


def service(builder: PlanBuilder, wanted: DesiredService) -> None:
    """A Cloud Run service, replaced if it differs from its manifest, and the permission to call it."""
    name, there = wanted.name, builder.current.services.get(wanted.name)
    entry = builder.recorded.services.get(name)
    attempt = 1 if there is None else there.attempt + (there.ready is False)
    manifest = cloud_run_manifests.stamped(wanted.manifest, builder.desired.contents[wanted.image], attempt)
    changes = _changes(builder, wanted, there, manifest) if there else []
    granted = there is not None and entry is not None and entry.invoker == wanted.caller
    actions: list[Action] = []
    notes: list[Note] = []
    if there and there.url:
        builder.know("address", name, there.url)
    if there is None or changes:
        actions, notes = replace_service(name, manifest, there is not None, builder.settings)
    else:
        builder.know("revision", name, there.latest)
        if entry is None or (entry.url, entry.revision) != (there.url, there.latest):
            notes += _service_notes(name, there.url, there.latest, there.generation)
    if not granted:
        actions.append(Command(builder.commands.allow_calls(name, wanted.caller)))
        notes.append(Note(("services", name, "invoker"), wanted.caller))
    if not notes:
        return
    if there and not builder.created(Resource("service", name)):
        builder.remarks.append(
            f"{name} existed before the first deployment: `down` will keep it, as the record does not list it."
        )
    builder.add(
        f"service {name}",
        "check" if not actions else "change" if there else "create",
        f"service {name}",
        actions,
        why="; ".join(changes) or ("" if there is None else "not in the record"),
        needs=["enable", f"build {wanted.image}", f"account {wanted.account}", *wanted.needs],
        notes=notes,
    )


def replace_service(
    name: str, manifest: cloud_run_manifests.Manifest, exists: bool, settings: DeploySettings
) -> tuple[list[Action], list[Note]]:
    """The actions that create or replace a service, and the notes for its entry in the record."""
    file = settings.file(f"{name}.json")
    yields = tuple(value_name(what, name) for what in ("address", "revision", "generation"))
    created = () if exists else (Resource("service", name),)
    replace = Command(Commands(settings).replace_service(file), yields=yields, creates=created)
    notes = _service_notes(name, *(placeholder(value) for value in yields))
    return [WriteFile(file, json.dumps(manifest, indent=1) + "\n"), replace], notes


def _service_notes(name: str, url: str, revision: str, generation: str | int) -> list[Note]:
    values = {"url": url, "revision": revision, "generation": generation}
    return [Note(("services", name, key), value) for key, value in values.items()]


def _changes(
    builder: PlanBuilder, wanted: DesiredService, there: CloudService, manifest: cloud_run_manifests.Manifest
) -> list[str]:
    """The differences between an existing service and its manifest, in words."""
    annotations = manifest["metadata"]["annotations"]
    image = builder.known.get(value_name("image", wanted.image))
    entry = builder.recorded.services.get(wanted.name)
    gateway = builder.current.gateways.get(builder.settings.gateway)
    api_gateway = there.environment.get("API_GATEWAY")
    found = {
        "new image": image is None or there.image != image or there.content != annotations[CONTENT],
        "its manifest changed": there.manifest != annotations[MANIFEST],
        "changed outside of this tool": entry is not None and 0 < entry.generation < there.generation,
        f"traffic is pinned to {there.pinned}": bool(there.pinned),
        f"the newest revision is not ready ({there.message.rstrip('.')})": there.ready is False,
        "the API key changed": bool(there.key) and there.key != builder.known.get("KEY_NAME"),
        "the gateway's URL changed": api_gateway is not None
        and (gateway is None or api_gateway != base_url(gateway.host)),
    }
    if there.pinned:
        builder.remarks.append(
            f"The traffic of {there.name} is pinned to {there.pinned}, as after a rollback. This plan sends it to the"
            " newest revision again."
        )
    return [what for what, differs in found.items() if differs]
