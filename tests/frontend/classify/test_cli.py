"""`python -m frontend.classify` against a fake gateway: output, retries, interruption, exit codes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.process import ROOT, environment, wait_for
from benchmarks.harness.stub_gateway import StubGateway, problem, response, stub_gateway
from tests.forked import run_module

pytestmark = pytest.mark.integration

LITE0, LITE1 = "efficientnet-lite0", "efficientnet-lite1"


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    with stub_gateway() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ten images; the fake gateway accepts any bytes."""
    for number in range(10):
        path = tmp_path / "images" / ("lynx" if number < 5 else "robin") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"image %d" % number)
    return tmp_path / "images"


def variables_of(gateway: StubGateway, **variables: str) -> dict[str, str]:
    return environment(**{"GATEWAY_URL": gateway.address, "API_KEY": gateway.key, "COLUMNS": "120"} | variables)


def start(gateway: StubGateway, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "frontend.classify", *map(str, arguments)],
        cwd=ROOT,
        env=variables_of(gateway, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(gateway: StubGateway, *arguments: object, **variables: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    done = run_module(
        "frontend.classify",
        *map(str, arguments),
        imports="frontend.classify.cli",
        env=variables_of(gateway, **variables),
    )
    return done.returncode, done.stdout, done.stderr


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_image_is_sent_to_every_model_and_the_accuracy_is_printed(
    gateway: StubGateway, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    code, output, errors = run(gateway, folder, "--model", f"{LITE0} {LITE1}", "--out", out, "--top", "20")
    assert code == 0, errors
    found = rows(out)
    assert [(row["image"], row["model"]) for row in found][:3] == [
        ("lynx/0.jpg", LITE0),
        ("lynx/0.jpg", LITE1),
        ("lynx/1.jpg", LITE0),
    ]
    assert len(found) == 20
    assert all(row["label"] and row["request_id"] and not row["error"] for row in found)
    # All twenty labels of the fake gateway were asked for.
    assert output.count("100.0%") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "out.csv"]


def test_all_models_and_json(gateway: StubGateway, folder: Path, tmp_path: Path) -> None:
    code, _, errors = run(gateway, folder, "-o", tmp_path / "out.json")
    assert code == 0, errors
    found: list[dict[str, Any]] = json.loads((tmp_path / "out.json").read_text())
    assert len(found) == 30
    assert len(found[0]["predictions"]) == 5


def test_urls_of_a_list_are_sent_as_urls(gateway: StubGateway, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("https://a.example/1.jpg\nhttps://a.example/2.jpg\n")
    code, _, errors = run(gateway, tmp_path / "list.txt", "-m", LITE0, "-o", tmp_path / "out.csv")
    assert code == 0, errors
    assert sorted(gateway.bodies) == [b'{"url": "https://a.example/%d.jpg"}' % number for number in (1, 2)]


def test_retry_after_is_respected(gateway: StubGateway, folder: Path, tmp_path: Path) -> None:
    busy = response(429, problem(429, "overloaded", "Busy."), Retry_After="1")
    gateway.models[LITE0].first = [busy] * 3
    began = time.monotonic()
    code, _, errors = run(gateway, folder, "-m", LITE0, "-o", tmp_path / "out.csv", "--parallel", "3")
    assert code == 0, errors
    assert time.monotonic() - began > 1
    assert len(rows(tmp_path / "out.csv")) == 10
    assert sum(gateway.predicts.values()) == 13


def test_failures_with_different_reasons_are_reported_apart(gateway: StubGateway, folder: Path, tmp_path: Path) -> None:
    reasons = ("It is a PDF.", "It is empty.")
    gateway.models[LITE0].first = [response(415, problem(415, "image_unsupported", reason)) for reason in reasons]
    code, output, _ = run(gateway, folder, "-m", LITE0, "-o", tmp_path / "out.csv", "--parallel", "1")
    assert code == 1
    for number, reason in enumerate(reasons):
        assert f"image_unsupported: lynx/{number}.jpg. {reason}" in output
        assert rows(tmp_path / "out.csv")[number]["detail"] == reason


def test_an_image_that_is_refused_is_reported_and_not_sent_again(
    gateway: StubGateway, folder: Path, tmp_path: Path
) -> None:
    gateway.models[LITE0].first = [response(422, problem(422, "image_corrupt", "It is corrupt."))]
    code, output, _ = run(gateway, folder, "-m", LITE0, "-o", tmp_path / "out.csv", "--parallel", "1")
    assert code == 1
    assert "image_corrupt: lynx/0.jpg. It is corrupt." in output
    assert rows(tmp_path / "out.csv")[0]["error"] == "image_corrupt"
    assert sum(gateway.predicts.values()) == 10
    assert not (tmp_path / "out.csv.partial").exists()


def test_what_may_succeed_later_is_tried_by_the_next_run_alone(
    gateway: StubGateway, folder: Path, tmp_path: Path
) -> None:
    gateway.models[LITE0].first = [response(422, problem(422, "fetch_timeout", "Too slow."))]
    arguments = (folder, "-m", LITE0, "-o", tmp_path / "out.csv", "--parallel", "1")
    assert run(gateway, *arguments)[0] == 1
    assert rows(tmp_path / "out.csv")[0]["error"] == "fetch_timeout"
    gateway.predicts.clear()
    assert run(gateway, *arguments)[0] == 0
    assert sum(gateway.predicts.values()) == 1
    assert [row["error"] for row in rows(tmp_path / "out.csv")] == [""] * 10
    assert not (tmp_path / "out.csv.partial").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_resumes_and_leaves_no_half_written_output(
    gateway: StubGateway, folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out, journal = tmp_path / "out.csv", tmp_path / "out.csv.partial"
    arguments = (folder, "-m", LITE0, "-o", out, "--parallel", "2")

    def finished() -> int:
        return journal.read_bytes().count(b"\n") if journal.exists() else 0

    gateway.models[LITE0].delay = 0.3
    with start(gateway, *arguments) as process:
        wait_for(lambda: finished() >= 4, 30, "four results")
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=30)
    assert not out.exists()
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert f"Interrupted with {finished()} results. The same command continues." in errors
    kept = finished()
    gateway.models[LITE0].delay = 0
    gateway.predicts.clear()
    assert run(gateway, *arguments)[0] == 0
    assert len(rows(out)) == 10
    assert sum(gateway.predicts.values()) == 10 - kept
    assert not journal.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["missing"], "missing", id="no-such-folder"),
        pytest.param(["IMAGES", "--out", "out.txt"], ".csv or .json", id="unknown-format"),
        pytest.param(["IMAGES", "--out", "missing/out.csv"], "does not exist", id="no-folder-for-the-output"),
        pytest.param(["IMAGES", "--model", "resnet"], "the models are efficientnet-lite0", id="unknown-model"),
        pytest.param(["IMAGES", "--gateway", "nonsense"], "nonsense", id="not-an-address"),
        pytest.param(["IMAGES", "--gateway", "http://127.0.0.1:1"], "make run", id="no-gateway"),
        pytest.param(["IMAGES", "--key-file", "missing"], "API_KEY_FILE", id="no-key-file"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_sentence(
    gateway: StubGateway, folder: Path, arguments: list[str], words: str
) -> None:
    code, output, errors = run(gateway, *(folder if each == "IMAGES" else each for each in arguments))
    assert (code, output) == (2, "")
    assert words in errors
    assert "Traceback" not in errors


def test_a_wrong_key_ends_with_2(gateway: StubGateway, folder: Path) -> None:
    code, _, errors = run(gateway, folder, API_KEY="wrong")
    assert code == 2
    assert "UNAUTHENTICATED" in errors


def test_help_names_the_options_and_the_exit_codes(gateway: StubGateway) -> None:
    code, output, _ = run(gateway, "--help")
    assert code == 0
    for word in ("FOLDER|LIST", "--model", "--out", "--parallel", "GATEWAY_URL", "API_KEY", "130"):
        assert word in output


def test_streamlit_is_not_imported() -> None:
    script = "import sys, frontend.classify.cli; print(*sys.modules)"
    imported = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"streamlit", "starlette", "numpy", "PIL"} & set(imported.stdout.split())
