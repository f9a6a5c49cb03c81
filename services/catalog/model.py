"""One entry of the catalog, as a validated, immutable object."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from services.artifact import ScoreFunction
from services.catalog.entry import (
    Architecture,
    Entry,
    Evaluation,
    HubFolder,
    LocalFolder,
    Requirement,
    Weights,
    text_like,
)
from services.catalog.fields import LongText, RelativePath, Text
from services.preprocess import Preprocess

# The fields that say how a service runs, and images to try it with; the artifact depends on the others.
SERVICE_FIELDS = frozenset(
    {"cpu", "memory", "concurrency", "min_instances", "max_instances", "deadline", "quota", "samples"}
)
# What an entry may tell people about its model; the export puts it into the receipt, and the service into the card.
CARD_FIELDS = ("description", "license", "source", "intended_use")

Preprocessing = Annotated[
    Annotated[Literal["weights"], Tag("weights")] | Annotated[Preprocess, Tag("explicit")],
    Discriminator(lambda value: "weights" if isinstance(value, str) else "explicit"),
]
Label = Annotated[str, text_like(r"[^\n\r]*[^\s][^\n\r]*", "one line of text")]
Labels = Annotated[
    Annotated[RelativePath, Tag("name")] | Annotated[tuple[Label, ...], Field(min_length=1), Tag("inline")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "inline"),
]


class Model(Entry):
    """One entry of the catalog. The route and the service's name derive from `name`."""

    name: str
    title: Text
    architecture: Architecture | None = None
    weights: Weights
    requires: tuple[Requirement, ...] = ()
    preprocess: Preprocessing = "weights"
    labels: Labels = "imagenet"
    scores: ScoreFunction | None = None
    samples: tuple[RelativePath, ...] = ()
    reference: RelativePath | None = None
    evaluation: Evaluation | None = None
    description: LongText | None = None
    license: LongText | None = None
    source: LongText | None = None
    intended_use: LongText | None = None
    precision: Literal["fp16", "fp32", "int8"] = "fp16"
    cpu: Literal[1, 2, 4, 8] = 1
    # 100 MB plus the weights, 64 MiB of request bodies, and 320 MiB to decode one WebP of 25 megapixels.
    memory: Annotated[str, text_like(r"[1-9][0-9]{0,4}(Mi|Gi)", "like 512Mi or 2Gi")] = "640Mi"
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 8
    min_instances: Annotated[int, Field(ge=0, le=1000)] = 0
    max_instances: Annotated[int, Field(ge=1, le=1000)] = 4
    # Cloud Run needs more than the gateway's default of 15 s to start an instance.
    deadline: Annotated[float, Field(gt=0, le=600)] = 60.0
    quota: Annotated[int, Field(ge=1)] | None = 60_000

    @model_validator(mode="after")
    def _fields_agree(self) -> Model:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances {self.min_instances} exceeds max_instances {self.max_instances}")
        if isinstance(self.weights, str) and self.architecture is None:
            raise ValueError("architecture is missing")
        if isinstance(self.weights, str) and not isinstance(self.architecture, str):
            raise ValueError("only torchvision's architectures have weights by name")
        if self.preprocess == "weights" and not isinstance(self.weights, str) and not self.has_folder:
            raise ValueError("preprocess is missing: weights alone do not say how images were prepared")
        if self.labels == "weights" and not self.has_folder:
            raise ValueError("labels should be `imagenet` or a file: these weights come without labels")
        return self

    @property
    def has_folder(self) -> bool:
        """Whether architecture, labels, preprocessing and scores come from a folder of timm or transformers."""
        return isinstance(self.weights, HubFolder | LocalFolder) and self.architecture is None

    @property
    def knows_samples(self) -> bool:
        """Whether the page's own sample images suit the model: things that ImageNet has labels for."""
        return self.labels == "imagenet"

    @property
    def route(self) -> str:
        """The gateway's path for this model."""
        return f"/v1/models/{self.name}"

    @property
    def service(self) -> str:
        """The name of its Cloud Run service (at most 49 characters)."""
        return f"guichet-{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that its service needs, wherever it runs."""
        return {
            "MODEL_NAME": self.name,
            "GUICHET_CONCURRENCY": str(self.concurrency),
            "GUICHET_DEADLINE": f"{self.deadline:g}",
        }
