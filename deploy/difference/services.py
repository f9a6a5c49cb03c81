"""The Cloud Run services, and who may call them."""

from __future__ import annotations

import json

from deploy import manifests
from deploy.actual import Service
from deploy.desired import WantedService
from deploy.difference.draft import Draft
from deploy.steps import Action, Command, Note, Resource, Write, origin, placeholder, value_name


def leave_the_others(draft: Draft) -> None:
    """Notes what is known of services behind the gateway that a run for a part of the models does not touch."""
    touched = {service.name for service in draft.desired.services}
    for model in draft.desired.models:
        if model.service not in touched:
            there = draft.actual.services[model.service]
            draft.know("address", there.name, there.url)
            draft.know("revision", there.name, there.revision)
            draft.know("image", model.name, there.image)


def directory(draft: Draft) -> None:
    """The directory: what it lists, in a secret whose newest version it reads, and its service."""
    entry, secret = draft.recorded.document, draft.settings.document_secret
    draft.secret(secret, manifests.DIRECTORY_ACCOUNT, "document", entry.reader)
    versions = draft.actual.secrets.get(secret, ())
    if entry.content == draft.desired.served_content and entry.version in versions:
        draft.known["DOCUMENT"] = entry.version
    else:
        file = draft.settings.file("served.json.gz.b64")
        add = Command(draft.commands.add_version(secret, file), yields=("DOCUMENT",))
        draft.add(
            "document",
            "change" if versions else "create",
            "what the directory lists",
            [Write(file, draft.desired.served), add],
            why="the models changed" if versions else "",
            needs=[f"secret {secret}"],
            notes=[
                Note(("document", "content"), draft.desired.served_content),
                Note(("document", "version"), placeholder("DOCUMENT")),
            ],
        )
    service(draft, draft.desired.directory)


def service(draft: Draft, wanted: WantedService) -> None:
    """A Cloud Run service, replaced where it differs from its manifest, and the one who may call it."""
    name, there = wanted.name, draft.actual.services.get(wanted.name)
    entry = draft.recorded.services.get(name)
    attempt = 1 if there is None else there.attempt + (there.ready is False)
    manifest = manifests.stamped(wanted.manifest, draft.desired.contents[wanted.image], attempt)
    changes = _changes(draft, wanted, there, manifest) if there else []
    granted = there is not None and entry is not None and entry.invoker == wanted.caller
    actions: list[Action] = []
    notes: list[Note] = []
    if there and there.url:
        draft.know("address", name, there.url)
    if there is None or changes:
        file = draft.settings.file(f"{name}.json")
        yields = tuple(value_name(what, name) for what in ("address", "revision", "generation"))
        created = () if there else (Resource("service", name),)
        actions.append(Write(file, json.dumps(manifest, indent=1) + "\n"))
        actions.append(Command(draft.commands.replace_service(file), yields=yields, creates=created))
        notes += _noted(name, *(placeholder(value) for value in yields))
    else:
        draft.know("revision", name, there.latest)
        if entry is None or (entry.url, entry.revision) != (there.url, there.latest):
            notes += _noted(name, there.url, there.latest, there.generation)
    if not granted:
        actions.append(Command(draft.commands.allow_calls(name, wanted.caller)))
        notes.append(Note(("services", name, "invoker"), wanted.caller))
    if not notes:
        return
    if there and not draft.created(Resource("service", name)):
        draft.remarks.append(f"{name} was there before: `down` will leave it, as the record does not list it.")
    draft.add(
        f"service {name}",
        "check" if not actions else "change" if there else "create",
        f"service {name}",
        actions,
        why="; ".join(changes) or ("" if there is None else "it is not recorded"),
        needs=["enable", f"build {wanted.image}", f"account {wanted.account}", *wanted.needs],
        notes=notes,
    )


def _noted(name: str, url: str, revision: str, generation: str | int) -> list[Note]:
    values = {"url": url, "revision": revision, "generation": generation}
    return [Note(("services", name, key), value) for key, value in values.items()]


def _changes(draft: Draft, wanted: WantedService, there: Service, manifest: manifests.Manifest) -> list[str]:
    """What differs between a service that is there and its manifest, in words."""
    stamp = manifest["metadata"]["annotations"]
    image = draft.known.get(value_name("image", wanted.image))
    entry = draft.recorded.services.get(wanted.name)
    gateway = draft.actual.gateways.get(draft.settings.gateway)
    told = there.environment.get("API_GATEWAY")
    found = {
        "a new image": image is None or there.image != image or there.content != stamp[manifests.CONTENT],
        "it should run differently": there.manifest != stamp[manifests.MANIFEST],
        "somebody else changed it": entry is not None and 0 < entry.generation < there.generation,
        f"its traffic is pinned to {there.pinned}": bool(there.pinned),
        f"its newest revision is not ready ({there.message.rstrip('.')})": there.ready is False,
        "the API key is another one": bool(there.key) and there.key != draft.known.get("KEY_NAME"),
        "the gateway's address changed": told is not None and (gateway is None or told != origin(gateway.host)),
    }
    if there.pinned:
        draft.remarks.append(
            f"The traffic of {there.name} is pinned to {there.pinned}, as after a rollback: a new revision alone would"
            " get none of it. This plan sends it to the newest again."
        )
    return [what for what, differs in found.items() if differs]
