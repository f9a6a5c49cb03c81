"""What may be imported without Streamlit."""

import subprocess
import sys

import pytest

from benchmarks.harness.process import ROOT

pytestmark = pytest.mark.integration


def test_requests_images_results_and_texts_need_no_streamlit() -> None:
    folders = [ROOT / "frontend" / name for name in ("api", "images", "results", "locales")]
    files = [file for folder in folders for file in folder.glob("*.py") if file.stem != "make_samples"]
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    assert {"frontend.api.client", "frontend.api.jobs", "frontend.api.readiness"} <= set(modules)
    modules += ["frontend.settings", "frontend.state.shared", "frontend.state.visitor_state"]
    script = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"streamlit", "starlette", "numpy", "PIL"} & set(run.stdout.split())
