"""Which folders of deploy may import which."""

from __future__ import annotations

import pytest

from tests.test_architecture import imports, sources, within

BASE = {"deploy.errors", "deploy.failures", "deploy.settings"}
CLOUD = BASE | {"deploy.cloud"}
PLAN = CLOUD | {"deploy.plan", "deploy.recorded_state", "deploy.cloudbuild.build_file"}
APPLY = PLAN | {"deploy.apply", "deploy.deliverables"}
LAYERS = {
    "deploy.cloud": CLOUD,
    "deploy.recorded_state": CLOUD,
    "deploy.deliverables": CLOUD | {"deploy.recorded_state"},
    "deploy.plan": PLAN,
    "deploy.apply": APPLY,
    "deploy.kubernetes": PLAN | {"deploy.kubernetes", "deploy.cli.invocation"},
    "deploy.report": APPLY | {"deploy.report", "deploy.local.ports"},
}


@pytest.mark.parametrize("place", LAYERS)
def test_imports_follow_the_data(place: str) -> None:
    for path in sources(place):
        for name in imports(path):
            if name.startswith("deploy."):
                assert within(name, LAYERS[place]), f"{path.name} imports {name}"
