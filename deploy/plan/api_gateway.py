"""The API, its config and gateway, and the API key and its secret."""

from __future__ import annotations

import re

from deploy.cloud.resources import Resource
from deploy.cloud.states import ACTIVE, CHANGING
from deploy.plan import cloud_run_manifests
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.steps import (
    Action,
    BaseUrl,
    Command,
    ContentName,
    WaitUntilReady,
    WriteFile,
    base_url,
    content_name,
    filled,
    placeholder,
    value_name,
)
from deploy.recorded_state import Note

CONFIG_PREFIX = "openapi-"
# The page's keys; those of other consumers have the consumer in their name.
PAGE_KEY = re.compile(r"guichet-\d{8}-\d{6}")


def api(builder: PlanBuilder) -> None:
    """The API; keys are restricted to its managed service."""
    name = builder.settings.api
    state, managed = builder.current.apis.get(name, ("", ""))
    if state == ACTIVE or (state in CHANGING and managed):
        builder.known["MANAGED_SERVICE"] = managed
        return
    resource = Resource("api", name)
    builder.add(
        "api",
        "change" if state else "create",
        str(resource),
        [
            *([Command(builder.commands.delete_api(), removes=resource)] if state else []),
            Command(builder.commands.create_api(), creates=(resource,)),
            Command(builder.commands.show_managed_service(), yields=("MANAGED_SERVICE",)),
        ],
        why="its creation failed" if state else "",
        needs=["enable"],
    )


def config(builder: PlanBuilder) -> None:
    """The config, named after the hash of its document, so the same document never makes a second config."""
    file, name = builder.settings.file("openapi.json"), placeholder("CONFIG")
    account = cloud_run_manifests.GATEWAY_ACCOUNT
    actions: list[Action] = [WriteFile(file, builder.desired.document), ContentName(file, CONFIG_PREFIX, "CONFIG")]
    state = ""
    if all(value_name("address", service) in builder.known for service in builder.routed):
        document = filled(builder.desired.document, builder.known)
        there = content_name(CONFIG_PREFIX, document.encode())
        state = builder.current.configs.get(there, "")
        if state == ACTIVE or state in CHANGING:  # one that is changing will be ready before it is used
            builder.known["CONFIG"] = there
            return
    if state:
        actions.append(Command(builder.commands.delete_config(name), removes=Resource("config", name)))
    create = builder.commands.create_config(name, file, builder.settings.account(account))
    actions.append(Command(create, creates=(Resource("config", name),)))
    actions.append(WaitUntilReady(Resource("config", name), builder.commands.show_config_state(name)))
    builder.add(
        "config",
        "change" if state else "create",
        "config of the gateway",
        actions,
        why="its creation failed" if state else "the document changed" if builder.current.configs else "",
        needs=["api", f"account {account}", *(f"service {service}" for service in builder.routed)],
    )


def gateway(builder: PlanBuilder) -> None:
    """The gateway, with the config."""
    name, wanted = builder.settings.gateway, placeholder("CONFIG")
    there, entry = builder.current.gateways.get(name), builder.recorded.gateway
    notes = [
        Note(("gateway", "api"), builder.settings.api),
        Note(("gateway", "managed_service"), placeholder("MANAGED_SERVICE")),
        Note(("gateway", "config"), wanted),
        Note(("gateway", "gateway"), name),
        Note(("gateway", "url"), placeholder("GATEWAY_URL")),
    ]
    # A gateway that could not be created is FAILED too; one that has worked before can be updated.
    if there and (there.state == ACTIVE or entry.url):
        builder.known["GATEWAY_URL"] = base_url(there.host)
        if there.config != builder.known.get("CONFIG") or there.state != ACTIVE:
            update = Command(builder.commands.update_gateway(wanted))
            why = f"its config is {there.config}"
            builder.add("gateway", "change", f"gateway {name}", [update], why=why, needs=["config"], notes=notes)
        elif (entry.config, entry.url) != (there.config, base_url(there.host)):
            builder.add("gateway", "check", f"gateway {name}", why="not in the record", notes=notes)
        return
    resource = Resource("gateway", name)
    builder.add(
        "gateway",
        "change" if there else "create",
        str(resource),
        [
            *([Command(builder.commands.delete_gateway(), removes=resource)] if there else []),
            Command(builder.commands.create_gateway(wanted), creates=(resource,)),
            Command(builder.commands.show_host(), yields=("GATEWAY_HOST",)),
            BaseUrl(placeholder("GATEWAY_HOST"), "GATEWAY_URL"),
        ],
        why="its creation failed" if there else "",
        needs=["config"],
        notes=notes,
    )


def managed_service(builder: PlanBuilder) -> None:
    """Enables the managed service in the project; otherwise its keys are invalid."""
    if builder.known.get("MANAGED_SERVICE") not in builder.current.enabled:
        name = placeholder("MANAGED_SERVICE")
        enable = Command(builder.commands.enable([name]), creates=(Resource("managed service", name),))
        builder.add("managed service", "create", "the API's managed service", [enable], needs=["api", "config"])


def key(builder: PlanBuilder) -> None:
    """The API key, restricted to the managed service, and its secret."""
    secret, entry = builder.settings.key_secret, builder.recorded.gateway
    builder.secret(secret, cloud_run_manifests.PAGE_ACCOUNT, "gateway", entry.reader)
    name = _usable_key(builder)
    if not name:
        # The name contains the time: the name of a deleted key is unavailable for 30 days.
        name = builder.new_key
        create = builder.commands.create_key(name, placeholder("MANAGED_SERVICE"))
        command = Command(create, creates=(Resource("key", name),))
        builder.add("key", "create", f"key {name}", [command], needs=["api", "managed service"])
    builder.known["KEY_NAME"] = name
    if entry.key != name or not builder.current.secrets.get(secret):
        builder.add(
            "stored key",
            "create",
            f"key {name} in secret {secret}",
            [Command(builder.commands.add_version(secret), reads=builder.commands.read_key(name))],
            needs=["key", f"secret {secret}"],
            notes=[Note(("gateway", "key"), name), Note(("gateway", "secret"), secret)],
        )


def _usable_key(builder: PlanBuilder) -> str:
    """The recorded key, or else any key of the page, that is restricted to the managed service alone."""
    managed = builder.known.get("MANAGED_SERVICE")
    ours = [
        key.name
        for key in builder.current.keys.values()
        if PAGE_KEY.fullmatch(key.name) and not key.deleted and managed and key.targets == (managed,)
    ]
    return builder.recorded.gateway.key if builder.recorded.gateway.key in ours else min(ours, default="")
