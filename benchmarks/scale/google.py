"""Google's values and limits; docs/scale.md names the sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deploy.report.cost import Price

UTILISATION: Final = 0.6  # CPU share at which the autoscaler aims
IDLE_SECONDS: Final = 900.0  # longest time that an instance without requests is kept
BILLING_SECONDS: Final = 0.1  # to which an instance's time is rounded up
QUOTA_UNITS: Final = 100_000  # per second and project
GATEWAYS_PER_REGION: Final = 5
CONFIGS_PER_API: Final = 100
BODY_BYTES: Final = 32 * 2**20
# Scheduling, image and network add to a cold start. Assumed: only a deployment can measure it.
PLATFORM_SECONDS: Final = 2.0

Prices = Mapping[str, Mapping[str, Price]]
