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
from deploy.settings import DeploySettings, short_name
from services.published_document import COMPRESSED_SUFFIX


def keep_other_services(builder: PlanBuilder) -> None:
    """Keeps the services that are behind the gateway but not selected in this run, and the page if it was left out."""
    touched = {service.name for service in builder.desired.services}
    kept = [model.service for model in builder.desired.models if model.service not in touched]
    if builder.desired.page is None and builder.settings.page in builder.current.services:
        kept.append(builder.settings.page)
    for name in kept:
        there = builder.current.services[name]
        if there.revision:
            builder.know("address", name, there.url)
            builder.know("revision", name, there.revision)
            builder.know("image", short_name(name), builder.recorded.image_of(name, there.revision) or there.image)


def document(builder: PlanBuilder) -> None:
    """The secret with the document that the directory serves."""
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


def service(builder: PlanBuilder, wanted: DesiredService) -> None:
    """A Cloud Run service, replaced if it differs from its manifest, and the permission to call it."""
    name, there = wanted.name, builder.current.services.get(wanted.name)
    entry = builder.recorded.services.get(name)
    attempt = 1 if there is None else there.attempt + (there.ready is False)
    manifest = cloud_run_manifests.stamped(wanted.manifest, builder.desired.contents[wanted.image], attempt)
    changes = _changes(builder, wanted, there, manifest) if there else []
    grants, why_grants = _grants(builder, wanted, there)
    if builder.staging and there and there.revision:
        manifest = cloud_run_manifests.staged(manifest, there.revision)
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
    actions += grants
    if entry is None or entry.invoker != wanted.caller:
        notes.append(Note(("services", name, "invoker"), wanted.caller))
    if not notes and not actions:
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
        why="; ".join([*changes, *why_grants]) or ("" if there is None else "not in the record"),
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


def _grants(
    builder: PlanBuilder, wanted: DesiredService, there: CloudService | None
) -> tuple[list[Command], list[str]]:
    """The changes of who may call a service, and why. Members that somebody else added are reported and stay."""
    entry, commands = builder.recorded.services.get(wanted.name), builder.commands
    callers = there.callers if there else frozenset[str]()
    if callers is None:  # they cannot be read: trust the record
        callers = frozenset({entry.invoker}) - {""} if entry else frozenset()
    actions, reasons = [], []
    if wanted.caller and wanted.caller not in callers:
        actions.append(Command(commands.allow_calls(wanted.name, wanted.caller)))
        reasons += ["its caller lost the permission"] if entry and entry.invoker == wanted.caller else []
    for member in sorted(callers & {"allUsers", "allAuthenticatedUsers"}):
        actions.append(Command(commands.forbid_calls(wanted.name, member)))
        reasons.append(f"{member} may call it")
    others = sorted(callers - {wanted.caller, "allUsers", "allAuthenticatedUsers"})
    if others and wanted.name != builder.settings.page:
        builder.remarks.append(f"{wanted.name} may also be called by {', '.join(others)}, which `up` did not grant.")
    return actions, reasons


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
        f"traffic is pinned to {there.pinned}": bool(there.pinned) and not builder.staging,
        f"the newest revision is not ready ({there.message.rstrip('.')})": there.ready is False,
        "the API key changed": bool(there.key) and there.key != builder.known.get("KEY_NAME"),
        "the gateway's URL changed": api_gateway is not None
        and (gateway is None or api_gateway != base_url(gateway.host)),
    }
    if there.pinned and not builder.staging:
        builder.remarks.append(
            f"The traffic of {there.name} is pinned to {there.pinned}, as after a rollback or a staged deployment. This"
            " plan sends it to the newest revision."
        )
    return [what for what, differs in found.items() if differs]
