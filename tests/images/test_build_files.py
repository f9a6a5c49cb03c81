"""Cloud Build files: ours are taken, and what Cloud Build would refuse is refused with its line."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.cloudbuild.check import BuildFileError, read_build
from deploy.cloudbuild.command import local_settings
from deploy.cloudbuild.schema import Build, Options, Step
from deploy.cloudbuild.substitutions import filled, referenced
from deploy.images import substitutions, wanted_images
from services.catalog import load_catalog
from tests.running import ROOT

FILES = sorted((ROOT / "cloudbuild").glob("*.yaml"))
STEP = "steps: [{name: gcr.io/cloud-builders/docker, args: [version]}]\n"


def told(tmp_path: Path, text: str, given: dict[str, str] | None = None) -> list[str]:
    """What is wrong with a file of that text, without the file's name."""
    path = tmp_path / "build.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BuildFileError) as caught:
        read_build(path, given)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_files_are_what_cloud_build_takes(path: Path) -> None:
    read_build(path)


def test_every_image_is_submitted_with_exactly_the_values_that_its_file_uses() -> None:
    settings = local_settings("registry.example/guichet")
    for image in wanted_images([], load_catalog()).values():
        build = read_build(ROOT / image.file, substitutions(image, settings))
        assert settings.image(image.name) == build.substitutions["_APP_URI"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_files_build_the_base_then_the_application_and_push_both_under_the_builds_id(path: Path) -> None:
    build = read_build(path)
    assert [step.id for step in build.steps] == ["last-base", "base", "application"]
    assert [step.allow_failure for step in build.steps] == [True, False, False]
    assert {"${_APP_URI}:${BUILD_ID}", "${_BASE_IMAGE_URI}:${BUILD_ID}"} < set(build.images)
    assert all(step.entrypoint == step.script == "" for step in build.steps)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "stepps: []\n", ["1: steps: is missing", "1: stepps: Cloud Build knows no such field"], id="field"
        ),
        pytest.param(
            "steps:\n- name: a\n  wait_for: [b]\n",
            ["3: steps[0].wait_for: Cloud Build knows no such field"],
            id="snake-case",
        ),
        pytest.param(
            "steps: []\n", ["1: steps: List should have at least 1 item after validation, not 0"], id="no-step"
        ),
        pytest.param("steps:\n- id: a\n", ["2: steps[0].name: is missing"], id="no-name"),
        pytest.param(
            "steps:\n- name: a\n  args: [build, 8000]\n",
            ["3: steps[0].args[1]: should be text, not 8000: quote it"],
            id="number",
        ),
        pytest.param(
            "steps:\n- name: a\n  args: [on]\n",
            ["3: steps[0].args[0]: should be text, not True: quote it"],
            id="yaml-1.1",
        ),
        pytest.param(
            "steps:\n- name: a\n  env: [HOME]\n", ["3: steps[0].env[0]: 'HOME' does not match ^[^=]+="], id="env"
        ),
        pytest.param(
            STEP + "timeout: 20m\n", [r"2: timeout: '20m' does not match ^[0-9]+(\.[0-9]+)?s$"], id="duration"
        ),
        pytest.param(STEP + "timeout: 90000s\n", ["2: timeout: should be 24 hours at most"], id="a-day"),
        pytest.param(
            "steps:\n- name: a\n  timeout: 20s\ntimeout: 10s\n",
            ["3: steps[0].timeout: should not exceed the build's own, 10s"],
            id="step-outlasts-build",
        ),
        pytest.param(
            "steps:\n- {name: a, id: x}\n- {name: b, id: x}\n", ["3: steps[1].id: 'x' is taken"], id="id-twice"
        ),
        pytest.param("steps:\n- {name: a, id: '-'}\n", ["2: steps[0].id: '-' is taken"], id="reserved-id"),
        pytest.param(
            "steps:\n- {name: a, waitFor: [b]}\n- {name: c, id: b}\n",
            ["2: steps[0].waitFor[0]: no step before this one has the id 'b'"],
            id="wait-for-a-later-step",
        ),
        pytest.param(
            "steps:\n- {name: a, id: a}\n- {name: b, waitFor: ['-', a]}\n",
            ["3: steps[1].waitFor: '-' starts the step at once, and so should stand alone"],
            id="wait-for-nothing-and-something",
        ),
        pytest.param(
            "steps:\n- {name: a, script: x, args: [b]}\n",
            ["2: steps[0].script: does not go together with args or entrypoint"],
            id="script-and-args",
        ),
        pytest.param(
            "steps:\n- {name: a, volumes: [{name: va, path: /workspace}]}\n"
            "- {name: b, volumes: [{name: va, path: /v}]}\n",
            ["2: steps[0].volumes: /workspace is Cloud Build's own"],
            id="reserved-volume",
        ),
        pytest.param(
            "steps:\n- name: a\n  volumes: [{name: va, path: /v}]\n",
            ["3: steps[0].volumes: no other step uses va"],
            id="lonely-volume",
        ),
        pytest.param(
            STEP + "substitutions: {NAME: x}\n",
            ["2: substitutions.NAME: 'NAME' does not match ^_[A-Z0-9_]+$"],
            id="key-without-underscore",
        ),
        pytest.param(
            STEP + "options: {machineType: HUGE}\n",
            [
                "2: options.machineType: should be 'UNSPECIFIED', 'N1_HIGHCPU_8', 'N1_HIGHCPU_32', 'E2_HIGHCPU_8',"
                " 'E2_HIGHCPU_32' or 'E2_MEDIUM'"
            ],
            id="machine",
        ),
        pytest.param("- a\n", ["1: the file: should be a mapping with `steps`"], id="no-mapping"),
        pytest.param("steps: [\n", ["2: expected the node content, but found '<stream end>'"], id="no-yaml"),
    ],
)
def test_what_cloud_build_would_refuse_is_refused_with_its_line(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert sorted(told(tmp_path, text)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        pytest.param(
            "steps:\n- {name: a, args: ['$_A', '${_A}']}\n",
            {},
            ["2: steps[0].args[0]: _A is given no value"],
            id="missing",
        ),
        pytest.param(STEP, {"_A": "x"}, ["1: substitutions._A: _A has a value, but nothing uses it"], id="unused"),
        pytest.param(
            STEP + "substitutions: {_A: x}\n",
            {},
            ["2: substitutions._A: _A has a value, but nothing uses it"],
            id="stated-and-unused",
        ),
        pytest.param(
            "steps:\n- {name: a, args: ['${PROJECT}']}\n",
            {},
            ["2: steps[0].args[0]: PROJECT is no built-in substitution; your own begin with an underscore"],
            id="unknown",
        ),
        pytest.param(
            "steps:\n- {name: a, entrypoint: bash, args: [-c, 'echo ${_A}']}\n",
            {"_A": "x"},
            ["2: steps[0].args[1]: _A would become part of a shell's text: hand it over in env"],
            id="bash",
        ),
        pytest.param(
            "steps:\n- {name: ubuntu, args: [sh, -ec, 'echo $BUILD_ID']}\n",
            {},
            ["2: steps[0].args[2]: BUILD_ID would become part of a shell's text: hand it over in env"],
            id="sh-among-the-words",
        ),
        pytest.param(
            STEP + "images: ['Registry.example/Name:${_A}']\n",
            {"_A": "x"},
            ["2: images[0]: Registry.example/Name:x is no image's name"],
            id="capitals-in-a-name",
        ),
        pytest.param(
            STEP + "images: ['${_A}:1']\n",
            {"_A": "a b"},
            ["2: images[0]: a b:1 is no image's name"],
            id="space-in-a-name",
        ),
    ],
)
def test_substitutions_are_held_against_each_other_as_cloud_build_does(
    tmp_path: Path, text: str, given: dict[str, str], expected: list[str]
) -> None:
    assert told(tmp_path, text, given) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(STEP + "substitutions: {_A: x}\noptions: {substitutionOption: ALLOW_LOOSE}\n", id="loose"),
        pytest.param("steps:\n- {name: a, entrypoint: bash, args: [-c, 'echo $$HOME']}\n", id="escaped"),
        pytest.param("steps:\n- {name: a, args: ['$COMMIT_SHA']}\n", id="built-in"),
        pytest.param(
            "steps:\n- {name: a, id: a}\n- {name: b, waitFor: ['-']}\n- {name: c, waitFor: [a]}\n", id="order"
        ),
    ],
)
def test_what_cloud_build_takes_is_taken(tmp_path: Path, text: str) -> None:
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
def test_substitutions_are_found_and_filled_in(text: str, names: list[str], result: str) -> None:
    assert referenced(text) == names
    assert filled(text, {"_A": "1", "_B": "2"}) == result


def test_the_known_fields_are_those_of_gcloud() -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("There is no gcloud whose fields could be compared.")
    root = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    messages = Path(root) / "lib/googlecloudsdk/generated_clients/apis/cloudbuild/v1/cloudbuild_v1_messages.py"
    text = messages.read_text(encoding="utf-8")

    def fields(name: str) -> set[str]:
        body = text.partition(f"\nclass {name}(_messages.Message):")[2].partition("\nclass ")[0]
        return set(re.findall(r"^  (\w+) = _messages\.\w+Field\(", body, re.M))

    # What only Google writes, and what gcloud itself refuses in a file.
    written = {"approval", "buildTriggerId", "createTime", "failureInfo", "finishTime", "id", "logUrl", "name"}
    written |= {"projectId", "results", "source", "sourceProvenance", "startTime", "status", "statusDetail"}
    written |= {"timing", "warnings"}
    elsewhere = {"anthosCluster", "cluster", "dockerDaemon"}  # builds on clusters of one's own
    ours = {kind: {field.alias for field in kind.model_fields.values()} for kind in (Build, Step, Options)}
    assert ours[Build] == fields("Build") - written
    assert ours[Step] == fields("BuildStep") - {"exitCode", "pullTiming", "status", "timing"}
    assert ours[Options] == fields("BuildOptions") - elsewhere
