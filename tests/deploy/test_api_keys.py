"""API keys per consumer, in Google Cloud and in the local gateway's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.api_keys import change_local_keys, key_plan
from deploy.errors import SettingsError
from gateway.api_keys import read_keys
from tests.deploy.deployment_fixture import Deployment

pytestmark = pytest.mark.integration


def change(deployment: Deployment, create: str = "", rotate: str = "", revoke: str = "", moment: str = "1") -> None:
    """Plans and carries out a change of the keys."""
    session = deployment.session()
    with session.deliverables.held("keys"):
        recorded = session.recorded_state()
        current = session.current_state(recorded)
        plan = key_plan(current, recorded, session.settings, create, rotate, revoke, moment)
        deployment.carry_out(session, plan)


def keys(deployment: Deployment) -> set[str]:
    """The keys that are valid."""
    current = deployment.session().current_state(deployment.recorded)
    return {name for name, key in current.keys.items() if not key.deleted}


def test_a_consumers_key_is_created_rotated_with_overlap_and_revoked(deployment: Deployment) -> None:
    deployment.first_up()
    page = keys(deployment)
    change(deployment, create="shop", moment="20260101-000000")
    change(deployment, rotate="shop", moment="20260102-000000")
    assert keys(deployment) == page | {"guichet-shop-20260101-000000", "guichet-shop-20260102-000000"}
    change(deployment, revoke="guichet-shop-20260101-000000")
    assert keys(deployment) == page | {"guichet-shop-20260102-000000"}
    assert not deployment.plan()


def test_the_pages_key_is_rotated_by_a_deployment_and_then_revoked(deployment: Deployment) -> None:
    deployment.first_up()
    (old,) = keys(deployment)
    with pytest.raises(SettingsError, match="rotate it first"):
        change(deployment, revoke=old)
    change(deployment, rotate="page", moment="20270101-000000")
    deployment.up()
    change(deployment, revoke=old)
    assert keys(deployment) == {"guichet-20270101-000000"}
    assert not deployment.plan()


@pytest.mark.parametrize(
    ("create", "rotate", "revoke", "said"),
    [
        pytest.param("page", "", "", "should be a consumer", id="the page's"),
        pytest.param("Shop;", "", "", "should be a consumer", id="a bad name"),
        pytest.param("", "shop", "", "has no key yet", id="nothing to rotate"),
        pytest.param("", "", "guichet-none", "There is no key", id="nothing to revoke"),
    ],
)
def test_a_mistake_is_explained(deployment: Deployment, create: str, rotate: str, revoke: str, said: str) -> None:
    deployment.first_up()
    with pytest.raises(SettingsError, match=said):
        change(deployment, create, rotate, revoke)


def test_the_local_gateways_file_is_edited_by_the_same_command(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    (shown,) = change_local_keys(path, "shop", "", rotating=False)
    name, _, key = shown.partition(": ")
    assert [(one.key, one.consumer) for one in read_keys(path)] == [(key, "shop")]
    assert path.stat().st_mode & 0o777 == 0o600
    change_local_keys(path, "shop", "", rotating=True)
    assert len(read_keys(path)) == 2
    change_local_keys(path, "", name, rotating=False)
    assert key not in path.read_text(encoding="utf-8")
    with pytest.raises(SettingsError, match="has a key already"):
        change_local_keys(path, "shop", "", rotating=False)


@pytest.mark.parametrize(
    ("file", "add", "revoke", "said"),
    [
        pytest.param("none.yaml", "", "", "CREATE=consumer` creates it", id="no file"),
        pytest.param("none/keys.yaml", "shop", "", "create it, or set LOCAL", id="no folder"),
        pytest.param("bad.yaml", "shop", "", "Fix the file", id="not a list"),
        pytest.param("keys.yaml", "A b", "", "lower-case letters", id="a bad name"),
        pytest.param("keys.yaml", "", "shop/1", "it has me/", id="nothing to revoke"),
    ],
)
def test_a_mistake_about_the_local_file_is_explained(
    tmp_path: Path, file: str, add: str, revoke: str, said: str
) -> None:
    (tmp_path / "bad.yaml").write_text("x", encoding="utf-8")
    (tmp_path / "keys.yaml").write_text("- {key: abcdefgh12345678, consumer: me}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        change_local_keys(tmp_path / file, add, revoke, rotating=False)


def test_a_local_file_without_keys_says_so(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    (shown,) = change_local_keys(path, "shop", "", rotating=False)
    change_local_keys(path, "", shown.partition(":")[0], rotating=False)
    assert change_local_keys(path, "", "", rotating=False) == [f"{path} has no keys: CREATE=consumer creates one."]
