"""This machine's pip configuration in local builds."""

from __future__ import annotations

from pathlib import Path

from deploy.cloudbuild.engines import Buildah
from deploy.cloudbuild.pip_config import PipConfig, mounts, settings


def test_pips_settings_are_mounted_as_files(tmp_path: Path) -> None:
    index = tmp_path / "mirror" / "simple"
    index.mkdir(parents=True)
    certificates = tmp_path / "certificates.pem"
    certificates.touch()
    listing = (
        f"global.cert='/nowhere'\nglobal.extra-index-url='file://{index} https://packages.example/simple'\n"
        f"global.constraint='/somewhere'\n:env:.cert='{certificates}'\nglobal.find-links='/not/there'\n"
    )
    found = settings(listing)
    assert found == {
        "cert": str(certificates),
        "extra-index-url": f"file://{index} https://packages.example/simple",
        "find-links": "/not/there",
    }
    made = mounts(found, tmp_path)
    assert made == (
        (str(tmp_path / "pip.conf"), "/etc/pip.conf"),
        (str(certificates), str(certificates)),
        (str(index.parent), str(index.parent)),
    )
    assert f"cert = {certificates}\n" in (tmp_path / "pip.conf").read_text()
    assert f"--volume={certificates}:{certificates}:ro" in Buildah(PipConfig(made)).command(["build", "."])


def test_without_settings_nothing_is_mounted(tmp_path: Path) -> None:
    assert mounts(settings("global.timeout-of-mine='3'\n"), tmp_path) == ()
