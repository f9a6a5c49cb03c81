"""A catalog with two models, for tests that change it."""

from __future__ import annotations

from pathlib import Path

from services.catalog import load_catalog

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
