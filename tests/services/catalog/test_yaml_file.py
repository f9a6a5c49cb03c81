"""Hostile YAML: one sentence, within limits on time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT
from services.catalog import CatalogError, load_catalog
from services.catalog.yaml_file import YamlFileError, read_yaml
from tests.hostile_documents import HOSTILE_DOCUMENTS

# Reads each file given, and prints how many times as long it took as the catalog of this repository, the megabytes that
# the process needed more, and the message.
READ = """
import resource, sys, time
from pathlib import Path
from services.catalog import CatalogError, load_catalog
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def seconds():
    began = time.process_time()
    load_catalog()
    return time.process_time() - began
seconds()
unit = min(seconds() for _ in range(5))
for path in map(Path, sys.argv[1:]):
    before, began = peak(), time.process_time()
    try:
        load_catalog(path)
        message = "accepted"
    except CatalogError as err:
        message = str(err)
    print(round((time.process_time() - began) / unit, 1), round(peak() - before), message, flush=True)
"""


@pytest.mark.integration
def test_every_hostile_document_is_refused_in_one_sentence_quickly_and_in_little_memory(tmp_path: Path) -> None:
    paths = []
    for name, content in HOSTILE_DOCUMENTS.items():
        paths.append(tmp_path / f"{name}.yaml")
        paths[-1].write_bytes(content)
    run = subprocess.run(
        [sys.executable, "-c", READ, *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    lines = run.stdout.splitlines()
    assert len(lines) == len(paths), lines
    for path, line in zip(paths, lines, strict=True):
        times, megabytes, message = line.split(" ", 2)
        assert message.startswith(f"{path}:"), line
        assert len(message) < 400, line
        # Many values are not hostile, only many.
        assert float(times) < (100 if path.stem == "many-values" else 6), line
        assert int(megabytes) < 100, line


def test_anchors_and_aliases_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: &a {b: 1}\nc: {<<: *a, d: *a}")
    assert read_yaml(path) == {"a": {"b": 1}, "c": {"b": 1, "d": {"b": 1}}}


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    began = time.process_time()
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "absent"):
        with pytest.raises(YamlFileError, match=str(path)):
            read_yaml(path)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("text", ["models: {a: {b\x1bc: 1}}", "{1: 2, x: 3}", "defaults: {1: 2, x: 3}\nmodels: {}"])
def test_messages_are_printable(tmp_path: Path, text: str) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    with pytest.raises(CatalogError) as caught:
        load_catalog(path)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
