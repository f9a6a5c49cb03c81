"""API keys: one per consumer, listed, created, rotated and revoked; in Google Cloud, or in the local gateway's file."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe

from rich.table import Table

from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CurrentState
from deploy.cloud.resources import Resource
from deploy.errors import SettingsError
from deploy.plan.steps import Action, Command, Plan, Step
from deploy.recorded_state import Note, RecordedState
from deploy.settings import PREFIX, DeploySettings
from gateway.api_keys import KeysError, read_keys

CONSUMER = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
# Google's consumers are numbers, so the local gateway's may be.
LOCAL_CONSUMER = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
PAGE = "page"
QUOTA = "Google counts a model's quota per project: all of these keys share it."


def key_plan(
    current: CurrentState,
    recorded: RecordedState,
    settings: DeploySettings,
    create: str,
    rotate: str,
    revoke: str,
    moment: str,
) -> Plan:
    """Creates a key for a consumer, or revokes one; `moment` makes its name unique."""
    commands, managed = Commands(settings), recorded.gateway.managed_service
    ours = {name: key for name, key in current.keys.items() if name.startswith(PREFIX) and not key.deleted}
    if revoke:
        if revoke not in ours:
            raise SettingsError(f"There is no key {revoke!r}; there are {', '.join(ours) or 'none'}.")
        if revoke == recorded.gateway.key:
            raise SettingsError(
                "This is the page's key: rotate it first (`make keys ROTATE=page`), then `make deploy`."
            )
        resource = Resource("key", revoke)
        remove = Command(commands.delete_key(revoke), removes=resource)
        return Plan((Step("key", "remove", str(resource), actions=(remove,)),))
    consumer = create or rotate
    taken = any(key.consumer == consumer for key in ours.values())
    if not CONSUMER.fullmatch(consumer) or (create and consumer == PAGE):
        raise SettingsError(
            f"{consumer!r} should be a consumer: lower-case letters, digits and dashes, and not `page`."
        )
    if create and taken:
        raise SettingsError(f"{consumer} has a key already: `make keys ROTATE={consumer}` creates another.")
    if rotate and not taken:
        raise SettingsError(f"{consumer} has no key yet: `make keys CREATE={consumer}`.")
    if not managed:
        raise SettingsError("Keys belong to the API, which does not exist yet: run `make deploy` first.")
    name = f"{PREFIX}{moment}" if consumer == PAGE else f"{PREFIX}{consumer}-{moment}"
    actions: list[Action] = [Command(commands.create_key(name, managed, consumer), creates=(Resource("key", name),))]
    notes: tuple[Note, ...] = ()
    if consumer == PAGE:
        actions.append(Command(commands.add_version(settings.key_secret), reads=commands.read_key(name)))
        notes = (Note(("gateway", "key"), name),)
        remark = "`make deploy` gives it to the page. Then revoke the old one."
    else:
        remark = f"Read it with `gcloud services api-keys get-key-string {name} --project={settings.project}`."
    old = [other for other, key in ours.items() if key.consumer == consumer]
    remarks = [remark, *(f"Once it is in use: `make keys REVOKE={other}`." for other in old), QUOTA]
    return Plan((Step("key", "create", f"key {name}", actions=tuple(actions), notes=notes),), tuple(remarks))


def keys_table(current: CurrentState, recorded: RecordedState) -> Table:
    """The keys of the deployment, for the terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold", caption=QUOTA, caption_justify="left")
    for column in ("consumer", "key", "created", ""):
        table.add_column(column)
    for name, key in sorted(current.keys.items()):
        if name.startswith(PREFIX) and not key.deleted:
            state = "in use by the page" if name == recorded.gateway.key else ""
            foreign = key.targets != (recorded.gateway.managed_service,)
            table.add_row(key.consumer, name, key.created[:10], "not restricted to this API" if foreign else state)
    return table


def change_local_keys(path: Path, add: str, revoke: str, *, rotating: bool) -> list[str]:
    """Edits the keys file of the local gateway, which reads it again; what to print.

    A key is named by its consumer and the start of its SHA-256.
    """
    if not path.exists() and not add:
        raise SettingsError(f"{path} does not exist: `make keys LOCAL={path} CREATE=consumer` creates it.")
    if not path.parent.is_dir():
        raise SettingsError(f"The folder {path.parent} does not exist: create it, or set LOCAL to another file.")
    try:
        keys = {_name(key.consumer, key.key): key for key in read_keys(path)} if path.exists() else {}
    except KeysError as err:
        raise SettingsError(f"{err}. Fix the file, or set LOCAL to another.") from err
    keys = {name: key for name, key in keys.items() if key.consumer != "nobody"}
    entries = [{"key": key.key, "consumer": key.consumer, "enabled": key.enabled} for key in keys.values()]
    if not (add or revoke):
        return [*keys] or [f"{path} has no keys: CREATE=consumer creates one."]
    if revoke:
        if revoke not in keys:
            raise SettingsError(f"{path} has no key {revoke!r}; it has {', '.join(keys) or 'none'}.")
        entries = [entry for entry in entries if entry["key"] != keys[revoke].key]
        said = f"{revoke} is revoked."
    else:
        if not rotating and not LOCAL_CONSUMER.fullmatch(add):
            raise SettingsError(f"{add!r} should be a consumer: lower-case letters, digits and dashes.")
        theirs = [key for key in keys.values() if key.consumer == add]
        if rotating != bool(theirs):
            raise SettingsError(f"{add} has {'no key yet' if rotating else 'a key already'} in {path}.")
        fresh = token_urlsafe(24)
        entries.append({"key": fresh, "consumer": add, "enabled": all(key.enabled for key in theirs)})
        said = f"{_name(add, fresh)}: {fresh}"
    new = path.with_name(f".{path.name}.new")
    new.touch(mode=0o600)
    new.write_text("".join(f"- {json.dumps(entry)}\n" for entry in entries) or "[]\n", encoding="utf-8")
    new.replace(path)
    return [said]


def _name(consumer: str, key: str) -> str:
    return f"{consumer}/{sha256(key.encode()).hexdigest()[:8]}"
