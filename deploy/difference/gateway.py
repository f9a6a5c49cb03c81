"""The API, the gateway and its config, the API key and the secret that holds it."""

from __future__ import annotations

from deploy import manifests
from deploy.difference.draft import Draft
from deploy.steps import (
    Action,
    Command,
    Fingerprint,
    Note,
    Origin,
    Resource,
    Write,
    filled,
    fingerprint,
    origin,
    placeholder,
    value_name,
)

CONFIG_PREFIX = "openapi-"


def api(draft: Draft) -> None:
    """The API, whose managed service a key is restricted to."""
    name = draft.settings.api
    state, managed = draft.actual.apis.get(name, ("", ""))
    if state == "ACTIVE":
        draft.known["MANAGED_SERVICE"] = managed
        return
    resource = Resource("api", name)
    draft.add(
        "api",
        "change" if state else "create",
        str(resource),
        [
            *([Command(draft.commands.delete_api(), removes=resource)] if state else []),
            Command(draft.commands.create_api(), creates=(resource,)),
            Command(draft.commands.show_managed_service(), yields=("MANAGED_SERVICE",)),
        ],
        why="its creation failed" if state else "",
        needs=["enable"],
    )


def config(draft: Draft) -> None:
    """The config, named after the hash of its document: so the same document never makes a second one."""
    file, name = draft.settings.file("openapi.json"), placeholder("CONFIG")
    account = manifests.GATEWAY_ACCOUNT
    actions: list[Action] = [Write(file, draft.desired.document), Fingerprint(file, CONFIG_PREFIX, "CONFIG")]
    state = ""
    if all(value_name("address", service) in draft.known for service in draft.routed):
        document = filled(draft.desired.document, draft.known)
        there = fingerprint(CONFIG_PREFIX, document.encode())
        state = draft.actual.configs.get(there, "")
        if state == "ACTIVE":
            draft.known["CONFIG"] = there
            return
    if state:
        actions.append(Command(draft.commands.delete_config(name), removes=Resource("config", name)))
    create = draft.commands.create_config(name, file, draft.settings.account(account))
    actions.append(Command(create, creates=(Resource("config", name),)))
    draft.add(
        "config",
        "change" if state else "create",
        "config of the gateway",
        actions,
        why="its creation failed" if state else "the document changed" if draft.actual.configs else "",
        needs=["api", f"account {account}", *(f"service {service}" for service in draft.routed)],
    )


def gateway(draft: Draft) -> None:
    """The gateway, with that config."""
    name, wanted = draft.settings.gateway, placeholder("CONFIG")
    there, entry = draft.actual.gateways.get(name), draft.recorded.gateway
    notes = [
        Note(("gateway", "api"), draft.settings.api),
        Note(("gateway", "managed_service"), placeholder("MANAGED_SERVICE")),
        Note(("gateway", "config"), wanted),
        Note(("gateway", "gateway"), name),
        Note(("gateway", "url"), placeholder("GATEWAY_URL")),
    ]
    # Google says FAILED of a gateway that could not be created; one that has served before is worth an update.
    if there and (there.state == "ACTIVE" or entry.url):
        draft.known["GATEWAY_URL"] = origin(there.host)
        if there.config != draft.known.get("CONFIG") or there.state != "ACTIVE":
            update = Command(draft.commands.update_gateway(wanted))
            why = f"it has {there.config}"
            draft.add("gateway", "change", f"gateway {name}", [update], why=why, needs=["config"], notes=notes)
        elif (entry.config, entry.url) != (there.config, origin(there.host)):
            draft.add("gateway", "check", f"gateway {name}", why="it is not recorded", notes=notes)
        return
    resource = Resource("gateway", name)
    draft.add(
        "gateway",
        "change" if there else "create",
        str(resource),
        [
            *([Command(draft.commands.delete_gateway(), removes=resource)] if there else []),
            Command(draft.commands.create_gateway(wanted), creates=(resource,)),
            Command(draft.commands.show_host(), yields=("GATEWAY_HOST",)),
            Origin(placeholder("GATEWAY_HOST"), "GATEWAY_URL"),
        ],
        why="its creation failed" if there else "",
        needs=["config"],
        notes=notes,
    )


def managed_service(draft: Draft) -> None:
    """The managed service, enabled in the project: without that no key is valid."""
    if draft.known.get("MANAGED_SERVICE") not in draft.actual.enabled:
        name = placeholder("MANAGED_SERVICE")
        enable = Command(draft.commands.enable([name]), creates=(Resource("managed service", name),))
        draft.add("managed service", "create", "the API's managed service", [enable], needs=["api", "config"])


def key(draft: Draft) -> None:
    """The API key, restricted to the managed service, and the secret that holds it."""
    secret, entry = draft.settings.key_secret, draft.recorded.gateway
    draft.secret(secret, manifests.PAGE_ACCOUNT, "gateway", entry.reader)
    name = _usable_key(draft)
    if not name:
        # Named after the time, as a deleted key keeps its name for 30 days.
        name = draft.new_key
        create = draft.commands.create_key(name, placeholder("MANAGED_SERVICE"))
        command = Command(create, creates=(Resource("key", name),))
        draft.add("key", "create", f"key {name}", [command], needs=["api", "managed service"])
    draft.known["KEY_NAME"] = name
    if entry.key != name or not draft.actual.secrets.get(secret):
        draft.add(
            "stored key",
            "create",
            f"key {name} in secret {secret}",
            [Command(draft.commands.add_version(secret), reads=draft.commands.read_key(name))],
            needs=["key", f"secret {secret}"],
            notes=[Note(("gateway", "key"), name), Note(("gateway", "secret"), secret)],
        )


def _usable_key(draft: Draft) -> str:
    """A key of ours that is restricted to our managed service alone, if there is one; the recorded one first."""
    managed = draft.known.get("MANAGED_SERVICE")
    ours = [
        key.name
        for key in draft.actual.keys.values()
        if key.name.startswith("guichet-") and not key.deleted and managed and key.targets == (managed,)
    ]
    return draft.recorded.gateway.key if draft.recorded.gateway.key in ours else min(ours, default="")
