"""What Google gives and does not let us measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Given:
    """What is not measured here but given by Google: shares, seconds, bytes, counts. Sources stand in docs/scale.md."""

    utilisation: float = 0.6  # of a processor, at which the autoscaler aims
    idle_seconds: float = 900.0  # an instance without requests is kept at most so long
    rounding_seconds: float = 0.1  # to which an instance's time is rounded up
    # What comes on top of our own start: scheduling, the image, the network. Assumed; only a deployment can measure it.
    platform_seconds: float = 2.0
    quota_units: float = 10_000_000 / 100  # per second and project; a call takes about two
    gateways_per_region: int = 5
    configs_per_api: int = 100
    body_bytes: int = 32 * 2**20
