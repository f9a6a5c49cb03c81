"""Cloud Build files: ours are valid, and mistakes are reported with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT
from deploy.cloudbuild.build_file import BuildFileError, read_build, referenced, substituted
from deploy.cloudbuild.command import local_settings
from deploy.plan.container_images import BASES, BUILD_FILE, images_to_build, substitutions
from services.catalog import load_catalog

STEP = "steps: [{name: gcr.io/cloud-builders/docker, args: [version]}]\n"


def mistakes(tmp_path: Path, text: str, given: dict[str, str] | None = None) -> list[str]:
    """The mistakes in a file with that text, without the file's name."""
    path = tmp_path / "build.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BuildFileError) as caught:
        read_build(path, given)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_every_image_is_submitted_with_exactly_the_substitutions_that_the_file_uses() -> None:
    settings = local_settings("registry.example/guichet")
    for image in images_to_build([], load_catalog()).values():
        build = read_build(ROOT / image.build_file, substitutions(image, settings))
        assert (
            settings.image(image.name) == build.substitutions["_BASE_IMAGE_URI" if image.name in BASES else "_APP_URI"]
        )


def test_the_file_builds_the_base_then_the_application_and_pushes_both_under_the_build_id() -> None:
    build = read_build(ROOT / BUILD_FILE)
    assert [step.id for step in build.steps] == ["last-base", "base", "application"]
    assert [step.allow_failure for step in build.steps] == [True, False, False]
    assert {"${_APP_URI}:${BUILD_ID}", "${_BASE_IMAGE_URI}:${BUILD_ID}"} < set(build.images)
    assert all(step.entrypoint == step.script == "" for step in build.steps)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "stepps: []\n",
            [
                "1: steps: should have at least one step",
                '1: stepps: Message type "google.devtools.cloudbuild.v1.Build" has no field named "stepps"',
            ],
            id="field",
        ),
        pytest.param(
            "steps:\n- name: a\n  waitFour: [b]\n",
            [
                '3: steps[0].waitFour: Message type "google.devtools.cloudbuild.v1.BuildStep" has no field named'
                ' "waitFour"'
            ],
            id="field-of-a-step",
        ),
        pytest.param("steps: []\n", ["1: steps: should have at least one step"], id="no-step"),
        pytest.param("steps:\n- id: a\n", ["2: steps[0].name: is missing"], id="no-name"),
        pytest.param(
            "steps:\n- name: a\n  args: [build, 8000]\n",
            ["3: steps[0].args: expected string or bytes-like object, got 'int'"],
            id="number",
        ),
        pytest.param(
            "steps:\n- name: a\n  args: [on]\n",
            ["3: steps[0].args: expected string or bytes-like object, got 'bool'"],
            id="yaml-1.1",
        ),
        pytest.param(
            "steps:\n- name: a\n  env: [HOME]\n", ["3: steps[0].env[0]: should be NAME=VALUE, not 'HOME'"], id="env"
        ),
        pytest.param(STEP + "timeout: 20m\n", ['2: timeout: Duration must end with letter "s": 20m'], id="duration"),
        pytest.param(STEP + "timeout: 90000s\n", ["2: timeout: should be 24 hours at most"], id="a-day"),
        pytest.param(
            "steps:\n- name: a\n  timeout: 20s\ntimeout: 10s\n",
            ["3: steps[0].timeout: exceeds the build's timeout, 10s"],
            id="step-outlasts-build",
        ),
        pytest.param(
            "steps:\n- {name: a, id: x}\n- {name: b, id: x}\n", ["3: steps[1].id: 'x' is used already"], id="id-twice"
        ),
        pytest.param("steps:\n- {name: a, id: '-'}\n", ["2: steps[0].id: '-' is used already"], id="reserved-id"),
        pytest.param(
            "steps:\n- {name: a, waitFor: [b]}\n- {name: c, id: b}\n",
            ["2: steps[0].waitFor[0]: no earlier step has the id 'b'"],
            id="wait-for-a-later-step",
        ),
        pytest.param(
            "steps:\n- {name: a, id: a}\n- {name: b, waitFor: ['-', a]}\n",
            ["3: steps[1].waitFor: '-' cannot be combined with other ids"],
            id="wait-for-nothing-and-something",
        ),
        pytest.param(
            "steps:\n- {name: a, script: x, args: [b]}\n",
            ["2: steps[0].script: cannot be combined with args or entrypoint"],
            id="script-and-args",
        ),
        pytest.param(
            "steps:\n- {name: a, volumes: [{name: va, path: /workspace}]}\n"
            "- {name: b, volumes: [{name: va, path: /v}]}\n",
            ["2: steps[0].volumes: /workspace is reserved"],
            id="reserved-volume",
        ),
        pytest.param(
            "steps:\n- name: a\n  volumes: [{name: va, path: /v}]\n",
            ["3: steps[0].volumes: no other step uses va"],
            id="lonely-volume",
        ),
        pytest.param(
            STEP + "substitutions: {NAME: x}\n",
            ["2: substitutions.NAME: should be like _NAME"],
            id="key-without-underscore",
        ),
        pytest.param(
            STEP + "options: {machineType: HUGE}\n",
            [
                "2: options.machineType: Invalid enum value HUGE for enum type"
                " google.devtools.cloudbuild.v1.BuildOptions.MachineType"
            ],
            id="machine",
        ),
        pytest.param(STEP + "status: SUCCESS\n", ["2: status: is set by Cloud Build"], id="output-only"),
        pytest.param("- a\n", ["1: is not a mapping"], id="no-mapping"),
    ],
)
def test_what_cloud_build_would_reject_is_reported_with_its_line(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    assert sorted(mistakes(tmp_path, text)) == sorted(expected)


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "steps: [\n")
    assert mistake.startswith("2: ")


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        pytest.param(
            "steps:\n- {name: a, args: ['$_A', '${_A}']}\n",
            {},
            ["2: steps[0].args[0]: _A has no value"],
            id="missing",
        ),
        pytest.param(STEP, {"_A": "x"}, ["1: substitutions._A: _A is not used"], id="unused"),
        pytest.param(
            STEP + "substitutions: {_A: x}\n",
            {},
            ["2: substitutions._A: _A is not used"],
            id="stated-and-unused",
        ),
        pytest.param(
            "steps:\n- {name: a, args: ['${PROJECT}']}\n",
            {},
            ["2: steps[0].args[0]: PROJECT is not a built-in substitution; prefix yours with _"],
            id="unknown",
        ),
        pytest.param(
            "steps:\n- {name: a, entrypoint: bash, args: [-c, 'echo ${_A}']}\n",
            {"_A": "x"},
            ["2: steps[0].args[1]: _A is in shell code: pass it in env"],
            id="bash",
        ),
        pytest.param(
            "steps:\n- {name: ubuntu, args: [sh, -ec, 'echo $BUILD_ID']}\n",
            {},
            ["2: steps[0].args[2]: BUILD_ID is in shell code: pass it in env"],
            id="sh-among-the-words",
        ),
        pytest.param(
            STEP + "images: ['Registry.example/Name:${_A}']\n",
            {"_A": "x"},
            ["2: images[0]: Registry.example/Name:x is not a valid image name"],
            id="capitals-in-a-name",
        ),
        pytest.param(
            STEP + "images: ['${_A}:1']\n",
            {"_A": "a b"},
            ["2: images[0]: a b:1 is not a valid image name"],
            id="space-in-a-name",
        ),
    ],
)
def test_substitutions_and_their_values_must_match(
    tmp_path: Path, text: str, given: dict[str, str], expected: list[str]
) -> None:
    assert mistakes(tmp_path, text, given) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(STEP + "substitutions: {_A: x}\noptions: {substitutionOption: ALLOW_LOOSE}\n", id="loose"),
        pytest.param("steps:\n- {name: a, entrypoint: bash, args: [-c, 'echo $$HOME']}\n", id="escaped"),
        pytest.param("steps:\n- {name: a, args: ['$COMMIT_SHA']}\n", id="built-in"),
        pytest.param("steps:\n- {name: a, id: a}\n- {name: b, wait_for: [a]}\n", id="snake-case, as gcloud accepts it"),
        pytest.param(
            "steps:\n- {name: a, id: a}\n- {name: b, waitFor: ['-']}\n- {name: c, waitFor: [a]}\n", id="order"
        ),
    ],
)
def test_a_valid_file_is_accepted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "build.yaml"
    path.write_text(text)
    read_build(path, {})


@pytest.mark.parametrize(
    ("text", "names", "result"),
    [
        pytest.param("${_A}-$_B", ["_A", "_B"], "1-2", id="both-forms"),
        pytest.param("$_A.x", ["_A"], "1.x", id="ends-at-a-dot"),
        pytest.param("$$_A $${_A}", [], "$_A ${_A}", id="escaped"),
        pytest.param("$$$_A", ["_A"], "$1", id="escaped-then-not"),
        pytest.param("$a ${a} $ ${_A", [], "$a ${a} $ ${_A", id="no-names"),
        pytest.param("[$TAG_NAME]", ["TAG_NAME"], "[]", id="unset-is-empty"),
    ],
)
def test_substitutions_are_replaced(text: str, names: list[str], result: str) -> None:
    assert referenced(text) == names
    assert substituted(text, {"_A": "1", "_B": "2"}) == result
