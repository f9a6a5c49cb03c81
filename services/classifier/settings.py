"""The settings of a model service, read from the environment once."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.environment import Environment

PROTOCOLS = ("open-inference", "kserve", "sagemaker", "torchserve", "vertex")
MODEL_NAME = r"[a-z][a-z0-9-]{0,39}"
USER_AGENT = "guichet/0.2.0"
# Kubernetes and `docker run --cpus` limit a container by a quota, in microseconds per period.
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
AIP_ROUTE = r"(/[^\s?#{}<>]*)?"


@dataclass(frozen=True)
class Settings:
    """All times in seconds, all sizes in bytes."""

    model_name: str
    model_dir: Path
    host: str
    port: int
    concurrency: int
    deadline: float
    processes: int
    sandbox_required: bool
    max_body: int
    body_seconds: float
    url_fetch: bool
    url_seconds: float
    url_loopback: bool
    user_agent: str
    only_host: str
    origins: str
    protocols: frozenset[str]
    # The paths that Vertex AI gives its containers; empty elsewhere.
    aip_health_route: str
    aip_predict_route: str

    @property
    def artifact(self) -> Path:
        """The folder of the model's artifact."""
        return self.model_dir / self.model_name

    @property
    def workers(self) -> int:
        """How many images are predicted at a time."""
        return max(1, self.processes)

    @classmethod
    def read(cls, variables: Mapping[str, str], cpus: int) -> Settings:
        """The settings; raises SettingsError with one line per invalid variable."""
        env = Environment(variables)
        # Where the owners of a site can complain about downloads.
        contact = env.text("GUICHET_CONTACT", "", pattern=r"[!-'*-~]*", meaning="an e-mail address or a URL")
        settings = cls(
            model_name=env.text("MODEL_NAME", pattern=MODEL_NAME, meaning="the name of a model in the catalog"),
            model_dir=Path(env.text("MODEL_DIR", ".models", meaning="the folder that holds the artifacts")),
            host=env.text("HOST", "0.0.0.0", meaning="the address to listen on"),  # noqa: S104  # a container's own
            # Vertex AI gives its containers AIP_HTTP_PORT, and the image sets PORT.
            port=env.integer("AIP_HTTP_PORT" if "AIP_HTTP_PORT" in variables else "PORT", 8000, least=1, most=65535),
            concurrency=env.integer("GUICHET_CONCURRENCY", 8, least=1, most=1000),
            deadline=env.number("GUICHET_DEADLINE", 60, least=0.1, most=3600),
            # One more than the number of CPUs, so that no CPU is idle while a worker waits for its next image.
            # 0: no workers, for systems without Linux's memfd.
            processes=env.integer(
                "GUICHET_PROCESSES", cpus + 1 if hasattr(os, "memfd_create") else 0, least=0, most=256
            ),
            sandbox_required=env.text("GUICHET_SANDBOX", "auto", pattern="auto|required", meaning="auto or required")
            == "required",
            max_body=env.integer("GUICHET_MAX_BODY", 10 * 2**20, least=1, most=32 * 2**20),
            body_seconds=env.number("GUICHET_BODY_SECONDS", 30, least=0.1, most=600),
            url_fetch=env.switch("GUICHET_URL_FETCH", True),
            url_seconds=env.number("GUICHET_URL_SECONDS", 10, least=0.1, most=600),
            url_loopback=env.switch("GUICHET_URL_LOOPBACK", False),
            user_agent=env.text(
                "GUICHET_USER_AGENT",
                f"{USER_AGENT} (+{contact})" if contact else USER_AGENT,
                pattern=r"[!-~]+( [!-~]+)*",
                meaning="a product, a version and a contact address",
            ),
            # On a shared machine, the gateway's secret name for this service, so that nothing else can call it.
            only_host=env.text("GUICHET_ONLY_HOST", "", pattern=r"[a-z0-9.-]*", meaning="a host name"),
            origins=env.text("GUICHET_ORIGINS", "*", pattern=r"\*|https?://[^\s,]+", meaning="* or one origin"),
            protocols=_protocols(env),
            aip_health_route=env.text("AIP_HEALTH_ROUTE", "", pattern=AIP_ROUTE, meaning="a path"),
            aip_predict_route=env.text("AIP_PREDICT_ROUTE", "", pattern=AIP_ROUTE, meaning="a path"),
        )
        env.finish()
        return settings


def _protocols(env: Environment) -> frozenset[str]:
    name = "|".join(PROTOCOLS)
    meaning = f"none, or some of {', '.join(PROTOCOLS)}, separated by commas"
    text = env.text("GUICHET_PROTOCOLS", ",".join(PROTOCOLS), pattern=f"none|({name})(,({name}))*", meaning=meaning)
    return frozenset(text.split(",")) & {*PROTOCOLS}


def available_cpus(quota_file: Path = CPU_QUOTA) -> int:
    """The number of CPUs that this process may use, by its affinity and by the quota of its container."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, quota_file.read_text().split())
    except (OSError, ValueError):
        # There is no such file, or no quota: "max 100000".
        return cpus
    return min(cpus, max(1, math.ceil(quota / period)))
