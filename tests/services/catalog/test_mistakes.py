"""The message for each mistake in a catalog, which names the file, the model and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.catalog import CatalogError, load_catalog
from tests.services.catalog.changed_catalog import ENTRY, loaded

# Of each case: what is replaced in ENTRY, by what, and a part of the message.
MISTAKES = {
    "value-out-of-range": ("cpu: 1", "cpu: 3", "defaults/cpu: should be 1, 2, 4 or 8, not 3"),
    "bad-type": ("concurrency: 8", "concurrency: five", "defaults/concurrency: should be a valid integer, not 'five'"),
    "fraction": ("concurrency: 8", "concurrency: 2.5", "defaults/concurrency: should be a valid integer"),
    "boolean": ("concurrency: 8", "concurrency: true", "defaults/concurrency: should be a valid integer"),
    "unknown-default": ("quota: null", "quotas: 5", "defaults/quotas: is not a field of a model"),
    "misspelt-field": ("title: Own", "titel: Own", "own/titel: is not a field"),
    "missing-field": ("weights: IMAGENET1K_V1", "cpu: 2", "small/weights: is missing"),
    "scores": (
        "title: Own",
        "title: Own\n    scores: relu",
        "own/scores: should be 'softmax', 'sigmoid' or 'none', not 'relu'",
    ),
    "no-labels": ("title: Own", "title: Own\n    labels: []", "own/labels: Tuple should have"),
    "number": ("title: Own", "title: Own\n    labels: [a, 7]", "own/labels/1: should be a valid"),
    "label-of-two-lines": (
        "title: Own",
        'title: Own\n    labels: ["a", "b\\nc"]',
        "own/labels/1: should be one line of text, not 'b\\nc'",
    ),
    "blank": ("title: Own", 'title: Own\n    labels: [" "]', "own/labels/0: should be one line"),
    "unknown-field": ("title: Own", "title: Own\n    gpu: 1", "own/gpu: is not a field"),
    "name-twice": ("title: Own", "title: Own\n    name: x", "own/name: is not a field"),
    "upper-case-name": ("  own:", "  Own:", "Own: is not a model name"),
    "path-as-name": ("  own:", "  ../x:", "../x: is not a model name"),
    "long-name": ("  own:", f"  {'o' * 41}:", "is not a model name"),
    "number-as-name": ("  own:", "  7:", "7: is not a model name"),
    "duplicate": ("  own:", "  small:", 'line 6: found duplicate key "small"'),
    "bad-digest": ("a" * 64, "abc", "own/weights/sha256: should be 64 hexadecimal digits"),
    "bad-url": ("file: own.pth", "url: ftp://x/y", "own/weights/url: should be an http or https URL"),
    "open-version": (
        "file: own.pth",
        "package: torch>=1, file: x",
        "own/weights/package: should be like NAME==VERSION",
    ),
    "requires": ("title: Own", "requires: [timm]", "own/requires/0: should be a package with"),
    "crop-outside": ("resize: 256", "resize: 200", "own/preprocess: 1 ≤ crop ≤ resize"),
    "text-for-number": ("resize: 256", "resize: '256'", "own/preprocess/resize: should be a valid integer"),
    "text-for-width": ("resize: 256", "resize: [256, '1']", "own/preprocess/resize/1: should be a"),
    "no-crop": ("crop: 224", "crop: none", "own/preprocess/crop: should be a valid integer or"),
    "preprocess-field": ("resize: 256", "resize: 256, size: 2", "own/preprocess/size: is not a f"),
    "no-resize": ("resize: 256, ", "", "own/preprocess/resize: is missing"),
    "mean-too-short": ("mean: [0.5, 0.5, 0.5]", "mean: [0.5, 1]", "own/preprocess: mean should have"),
    "zero-std": ("std: [0.5, 0.5, 0.5]", "std: [0.5, 0, 0.5]", "own/preprocess: std should be positive"),
    "interpolation": ("bicubic", "cubic", "own/preprocess/interpolation: should be 'nearest', 'box'"),
    "no-callable": ("package.module:Net", "package.module", "own/architecture/callable: should be like"),
    "min-over-max": ("min_instances: 0", "min_instances: 5", "min_instances 5 exceeds max_instances 4"),
    "no-deadline": ("deadline: 60", "deadline: 0", "defaults/deadline: should be greater than 0"),
    "word-as-deadline": ("deadline: 60", "deadline: soon", "defaults/deadline: should be a valid number"),
    "memory-unit": ("memory: 512Mi", "memory: 512M", "defaults/memory: should be like 512Mi or 2Gi, not '512M'"),
    "unknown-top-field": ("models:", "model:", "model: is not a field"),
    "class-name": ("architecture: resnet18", "architecture: ResNet18", "small/architecture: should be a torchvision"),
    "weights-by-name-for-own": ("{file: own.pth", "IMAGENET1K_V1 #", "own: only torchvision's architectures have"),
    "not-yaml": ("{title: Small,", "[", "models.yaml: line"),
    "os": ("package.module:Net", "os:system", "own/architecture/callable: should be in a package"),
    "builtins": ("package.module:Net", "builtins:exec", "own/architecture/callable: should be in a package"),
    **{
        path: ("file: own.pth", f"file: '{path}'", "own/weights/file: should be a relative path")
        for path in ("../private", "a/../../private", "/etc/shadow", "", ".", "a\\b")
    },
    "labels": ("labels: imagenet", "labels: ../private", "defaults/labels: should be a relative path"),
    "escape": ("title: Own", 'title: "a\\e[31m"', "own/title: should be one line of printable"),
    "two-lines": ("title: Own", 'title: "a\\nb"', "own/title: should be one line of printable"),
    "direction": ("title: Own", 'title: "\\u202Ea"', "own/title: should be one line of printable"),
}


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_with_file_model_and_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ENTRY
    with pytest.raises(CatalogError) as caught:
        loaded(tmp_path, ENTRY.replace(old, new, 1))
    assert message in str(caught.value)
    assert all(line.startswith(f"{tmp_path / 'models.yaml'}:") for line in str(caught.value).splitlines())


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = ENTRY.replace("cpu: 1", "cpu: 3").replace("bicubic", "cubic").replace("title: Small", "gpu: 1")
    with pytest.raises(CatalogError) as caught:
        loaded(tmp_path, text.replace("models:", "model: {}\nmodels:"))
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "model",
        "defaults/cpu",
        "small/gpu",
        "own/preprocess/interpolation",
    ]


@pytest.mark.parametrize(
    "text", [pytest.param("", id="empty"), pytest.param("- a", id="a-list"), pytest.param("models: {}", id="no-models")]
)
def test_a_file_that_is_not_a_catalog_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogError, match="should be a mapping"):
        loaded(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"absent\.yaml: cannot be read: No such file"):
        load_catalog(tmp_path / "absent.yaml")
