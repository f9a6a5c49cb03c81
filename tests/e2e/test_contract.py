"""The running product keeps what its document says, whatever it is asked."""

import subprocess
import sys
from pathlib import Path

import requests

from tests.e2e.conftest import Product

CONFIG = Path(__file__).with_name("schemathesis.toml")


def test_schemathesis_finds_nothing(product: Product, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run"),
        f"{product.gateway}/v1/openapi.json",
        f"--url={product.gateway}",
        f"--header=x-api-key: {product.key}",
        *("--phases=examples,coverage,fuzzing", "--max-examples=20", "--seed=1", "--no-color"),
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    document = requests.get(f"{product.gateway}/v1/openapi.json", timeout=10).json()
    # All but the one that the document itself came from.
    operations = sum(len(item) for item in document["paths"].values()) - 1
    assert f"Selected: {operations}/{operations}" in run.stdout, run.stdout
