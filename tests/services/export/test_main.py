"""The command `python -m services.export`, from a catalog to an artifact."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from benchmarks.harness.process import environment
from services.artifact import read_receipt, verified_receipt
from services.catalog import load_catalog
from services.export.checks.verification import MIN_AGREEMENT
from tests.forked import run_module
from tests.services.export.own_model import catalog_file, local_file, sha256

pytestmark = pytest.mark.integration


def run_export(*arguments: str, **variables: str) -> CompletedProcess[str]:
    return run_module(
        "services.export", *arguments, imports="tests.services.export.libraries", env=environment(**variables)
    )


def test_weights_from_a_url_become_an_artifact_once(tmp_path: Path, weights: Path, weights_url: str) -> None:
    catalog = catalog_file(tmp_path, f'{{url: "{weights_url}/own.pth", sha256: {sha256(weights)}}}')
    output = tmp_path / "artifacts"
    arguments = ("own", f"--catalog={catalog}", f"--output={output}")
    first = run_export(*arguments)
    assert first.returncode == 0, first.stderr
    receipt = verified_receipt(output / "own", "own")
    assert receipt.source == {"url": f"{weights_url}/own.pth", "sha256": sha256(weights)}
    assert (receipt.labels, receipt.precision, receipt.agreement["photos"]) == (4, "fp16", False)
    assert receipt.agreement["top1"] >= MIN_AGREEMENT["fp16"]

    before = (output / "own" / "model.bin").stat()
    second = run_export(*arguments)
    assert (second.returncode, second.stderr) == (0, "own: up to date\n")
    assert (output / "own" / "model.bin").stat().st_mtime_ns == before.st_mtime_ns


def test_a_failed_export_is_explained_in_one_sentence_and_writes_nothing(tmp_path: Path) -> None:
    run = run_export(f"--catalog={catalog_file(tmp_path, '{file: absent.pth, sha256: ' + 'a' * 64 + '}')}", "own")
    assert run.returncode == 1
    assert run.stderr.startswith("own: ")
    assert run.stderr.count("\n") == 1


def test_int8_without_photos_says_where_to_put_some(tmp_path: Path, weights: Path) -> None:
    catalog = catalog_file(tmp_path, local_file(weights))
    run = run_export("own", f"--catalog={catalog}", f"--output={tmp_path / 'out'}", "--precision=int8")
    assert run.returncode == 1
    assert str(tmp_path / "calibration") in run.stderr


def test_the_default_models_receipts_record_the_source_of_their_weights(artifacts: Path) -> None:
    for model in load_catalog().default:
        receipt = read_receipt(artifacts / model.name)
        assert receipt.source == json.loads(json.dumps(model.model_dump()["weights"]))
