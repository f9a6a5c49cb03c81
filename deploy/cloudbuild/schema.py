"""The fields of a Cloud Build file, their types and their bounds, as Google documents them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

DAY = 24 * 60 * 60

Duration = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?s$", description="seconds, such as 600s")]
Variable = Annotated[str, Field(max_length=1000, pattern=r"^[^=]+=", description="NAME=VALUE")]


class Part(BaseModel):
    """What all parts share: fields are written in camelCase, and no other field is known."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=False, extra="forbid", strict=True, frozen=True
    )


class Volume(Part):
    """A folder that steps share."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$", description="letters, digits and _ . -")]
    path: Annotated[str, Field(pattern=r"^/", description="an absolute path")]


class Step(Part):
    """One container that runs to its end."""

    name: Annotated[str, Field(min_length=1, max_length=1000)]
    args: Annotated[list[Annotated[str, Field(max_length=10_000)]], Field(max_length=100)] = []
    env: Annotated[list[Variable], Field(max_length=100)] = []
    dir: Annotated[str, Field(max_length=1000)] = ""
    id: str = ""
    wait_for: list[str] | None = None
    entrypoint: str = ""
    script: str = ""
    secret_env: list[str] = []
    volumes: list[Volume] = []
    timeout: Duration | None = None
    allow_failure: bool = False
    allow_exit_codes: list[int] = []
    automap_substitutions: bool = False


class Pool(Part):
    """The private pool that the build runs in."""

    name: str = ""
    worker_config: dict[str, Any] = {}


class Options(Part):
    """How the whole build runs."""

    env: Annotated[list[Variable], Field(max_length=100)] = []
    secret_env: list[str] = []
    volumes: list[Volume] = []
    source_provenance_hash: list[Literal["NONE", "SHA256", "MD5", "GO_MODULE_H1", "SHA512"]] = []
    machine_type: Literal[
        "UNSPECIFIED", "N1_HIGHCPU_8", "N1_HIGHCPU_32", "E2_HIGHCPU_8", "E2_HIGHCPU_32", "E2_MEDIUM"
    ] = "UNSPECIFIED"
    disk_size_gb: int | Annotated[str, Field(pattern=r"^[0-9]+$", description="a number")] = 0
    substitution_option: Literal["MUST_MATCH", "ALLOW_LOOSE"] = "MUST_MATCH"
    dynamic_substitutions: bool = False
    automap_substitutions: bool = False
    log_streaming_option: Literal["STREAM_DEFAULT", "STREAM_ON", "STREAM_OFF"] = "STREAM_DEFAULT"
    logging: Literal["LOGGING_UNSPECIFIED", "LEGACY", "GCS_ONLY", "STACKDRIVER_ONLY", "CLOUD_LOGGING_ONLY", "NONE"] = (
        "LOGGING_UNSPECIFIED"
    )
    default_logs_bucket_behavior: Literal[
        "DEFAULT_LOGS_BUCKET_BEHAVIOR_UNSPECIFIED", "REGIONAL_USER_OWNED_BUCKET", "LEGACY_BUCKET"
    ] = "DEFAULT_LOGS_BUCKET_BEHAVIOR_UNSPECIFIED"
    pool: Pool | None = None
    worker_pool: str = ""
    pubsub_topic: str = ""
    requested_verify_option: Literal["NOT_VERIFIED", "VERIFIED"] = "NOT_VERIFIED"
    enable_structured_logging: bool = False


class Build(Part):
    """The whole file. What a build without secrets, triggers and packages does not need is checked by name only."""

    steps: Annotated[list[Step], Field(min_length=1, max_length=300)]
    images: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=100)] = []
    substitutions: Annotated[
        dict[
            Annotated[str, Field(max_length=100, pattern=r"^_[A-Z0-9_]+$", description="like _NAME")],
            Annotated[str, Field(max_length=4000)],
        ],
        Field(max_length=200),
    ] = {}
    timeout: Duration | None = None
    queue_ttl: Duration | None = None
    tags: Annotated[list[str], Field(max_length=64)] = []
    logs_bucket: str = ""
    service_account: str = ""
    options: Options = Options()
    secrets: list[dict[str, Any]] = []
    available_secrets: dict[str, Any] = {}
    artifacts: dict[str, Any] = {}
    dependencies: list[dict[str, Any]] = []
    git_config: dict[str, Any] = {}


def seconds(duration: str | None) -> float | None:
    """The seconds of a duration such as 600s."""
    return None if duration is None else float(duration.removesuffix("s"))
