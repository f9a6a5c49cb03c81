"""The difference between what should be and what is, as steps that make one out of the other."""

from __future__ import annotations

from deploy.actual import Actual
from deploy.desired import Desired
from deploy.difference import foundations, gateway, releases, services
from deploy.difference.draft import Draft
from deploy.record import Recorded
from deploy.settings import Settings
from deploy.steps import Plan


def difference(
    desired: Desired,
    actual: Actual,
    recorded: Recorded,
    settings: Settings,
    *,
    rebuild: frozenset[str] = frozenset(),
    new_key: str,
) -> Plan:
    """The plan; empty where all is as it should be.

    `rebuild` names images to build again in any case, `new_key` the API key to make if there is none.
    """
    draft = Draft(desired, actual, recorded, settings, rebuild, new_key)
    services.leave_the_others(draft)
    foundations.apis(draft)
    foundations.repository(draft)
    foundations.accounts(draft)
    foundations.images(draft)
    for service in desired.services:
        services.service(draft, service)
    services.directory(draft)
    gateway.api(draft)
    gateway.config(draft)
    gateway.gateway(draft)
    gateway.managed_service(draft)
    gateway.key(draft)
    services.service(draft, desired.page)
    releases.conclusion(draft)
    releases.removals(draft)
    return draft.plan


def image_difference(
    desired: Desired, actual: Actual, recorded: Recorded, settings: Settings, rebuild: frozenset[str] = frozenset()
) -> Plan:
    """The part of the plan that builds images, with what builds need."""
    draft = Draft(desired, actual, recorded, settings, rebuild)
    foundations.apis(draft)
    foundations.repository(draft)
    foundations.images(draft)
    return draft.plan


def prerequisites(desired: Desired, actual: Actual, recorded: Recorded, settings: Settings) -> Plan:
    """The part of the plan that `doctor --fix` carries out."""
    draft = Draft(desired, actual, recorded, settings)
    foundations.apis(draft)
    foundations.repository(draft)
    return draft.plan
