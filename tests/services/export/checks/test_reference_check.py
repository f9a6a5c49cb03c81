"""A model that is not served as it was trained is refused, with the cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from services.artifact import read_receipt
from services.export.errors import Disagreement, ExportError
from services.export.record import record
from tests.services.export.digits import (
    ENTRY,
    LABELS,
    Prepare,
    catalog_file,
    cropped,
    exported,
    image_files,
    predictor,
)

pytestmark = pytest.mark.integration  # importing torchvision starts a process

IMAGES = 20
REFERENCE = {"reference": "reference.jsonl"}


def squashed(image: Image.Image) -> Image.Image:
    return image.resize((32, 32), Image.Resampling.BICUBIC)


def bilinear(image: Image.Image) -> Image.Image:
    return cropped(image, Image.Resampling.BILINEAR)


def bgr(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(cropped(image))[..., ::-1].copy())


def without_mean(image: Image.Image) -> Image.Image:
    """Such that the network's input is from 0 to 1."""
    return Image.fromarray((np.asarray(cropped(image)).astype(float) / 2 + 127.5).round().astype(np.uint8))


@dataclass(frozen=True)
class Case:
    """What is wrong in an entry, or in the pipeline that recorded, and the cause that should be named."""

    cause: str
    fields: dict[str, str] = field(default_factory=dict)
    prepare: Prepare = cropped
    times: int = 1


def preprocess(old: str, new: str) -> dict[str, str]:
    return {"preprocess": ENTRY["preprocess"].replace(old, new)}


MUTATIONS = {
    "mean-and-std": Case(
        "mean and std: write `mean: [0.5], std: [0.5]`",
        preprocess(
            "mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]", "mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]"
        ),
    ),
    "no-mean": Case("mean and std: write `mean: [0], std: [1]`", prepare=without_mean),
    "squash-in-the-entry": Case(
        "crop instead of squash: write `resize: 36`", preprocess("resize: 36", "resize: [32, 32]")
    ),
    "crop-in-the-entry": Case("squash instead of crop: write `resize: [32, 32]`", prepare=squashed),
    "bgr-in-the-entry": Case("channels: write `channels: rgb", preprocess("crop: 32", "crop: 32, channels: bgr")),
    "rgb-in-the-entry": Case("channels: write `channels: bgr", prepare=bgr),
    "interpolation-in-the-entry": Case(
        "interpolation: write `interpolation: bicubic`", preprocess("bicubic", "bilinear")
    ),
    "interpolation-of-the-pipeline": Case("interpolation: write `interpolation: bilinear`", prepare=bilinear),
    "labels-swapped": Case(
        "the order of the labels: counted from 0, label 3 is that of output 8, label 8 is that of output 3",
        {"labels": ENTRY["labels"].replace("three", "X").replace("eight", "three").replace("X", "eight")},
    ),
    "sigmoid": Case("scores: write `scores: softmax`", {"scores": "sigmoid"}),
    "softmax-twice": Case("softmax twice", times=2),
    "mean-and-interpolation": Case(
        "interpolation: write `interpolation: bicubic`",
        preprocess("bicubic, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]", "nearest, mean: [0], std: [1]"),
    ),
}


def recorded(folder: Path, prepare: Prepare = cropped, times: int = 1) -> None:
    files = image_files(folder / "images", IMAGES)
    record(predictor(prepare, times), [file for file, _ in files], folder / "reference.jsonl", LABELS)


def test_a_model_that_is_served_as_trained_is_exported_with_the_difference_in_its_receipt(tmp_path: Path) -> None:
    recorded(tmp_path)
    receipt = exported(catalog_file(tmp_path, fields=REFERENCE))
    assert receipt.reference["images"] == IMAGES
    assert receipt.reference["single_precision"]["mean"] <= 0.002
    assert receipt.reference["single_precision"]["worst"] <= 0.01
    assert receipt.reference["served"]["worst"] <= 0.05
    assert read_receipt(tmp_path / "artifacts" / "digits") == receipt


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_refused_and_named(tmp_path: Path, name: str) -> None:
    case = MUTATIONS[name]
    recorded(tmp_path, case.prepare, case.times)
    with pytest.raises(Disagreement) as refused:
        exported(catalog_file(tmp_path, fields=REFERENCE | case.fields))
    assert case.cause in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "artifacts" / "digits").exists()


def test_a_network_that_ends_in_softmax_is_refused(tmp_path: Path) -> None:
    recorded(tmp_path)
    with pytest.raises(ExportError, match="add up to one already; write `scores: none`"):
        exported(catalog_file(tmp_path, softmax=True, fields=REFERENCE))
    exported(catalog_file(tmp_path, softmax=True, fields=REFERENCE | {"scores": "none"}))


def test_a_pipeline_that_ignores_the_orientation_of_photos_is_named(tmp_path: Path) -> None:
    files = [file for file, _ in image_files(tmp_path / "images", IMAGES)]
    for file in files:
        with Image.open(file) as image:
            image.load()
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(file, exif=exif)
    record(predictor(), files, tmp_path / "reference.jsonl", LABELS)
    with pytest.raises(Disagreement, match=r"EXIF orientation: your pipeline ignores it"):
        exported(catalog_file(tmp_path, fields=REFERENCE))


def test_labels_that_the_model_does_not_have_are_named(tmp_path: Path) -> None:
    files = image_files(tmp_path / "images", IMAGES)
    record(predictor(), [file for file, _ in files], tmp_path / "reference.jsonl", [*LABELS[:9], "neuf"])
    with pytest.raises(ExportError, match=r"no label for those of reference\.jsonl, 'neuf' and 1 others"):
        exported(catalog_file(tmp_path, fields=REFERENCE))
