"""`docker …` as buildah's command lines, and what this machine tells pip as files that a build may see."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.cloudbuild.engines import Buildah, Docker, EngineError
from deploy.cloudbuild.pip_config import PipConfig, mounts, settings

BUILD = ("buildah", "build", "--layers", "--isolation=chroot", "--network=host")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["pull", "a.example/b"], ("buildah", "pull", "--quiet", "a.example/b"), id="pull"),
        pytest.param(
            ["push", "127.0.0.1:5000/b:1"],
            ("buildah", "push", "--quiet", "--tls-verify=false", "127.0.0.1:5000/b:1"),
            id="push-to-loopback",
        ),
        pytest.param(["tag", "a", "b"], ("buildah", "tag", "a", "b"), id="tag"),
        pytest.param(
            ["build", "-t", "a", "--tag=b", "--file", "F", "--build-arg=X=1=2", "--target", "t", "."],
            (*BUILD, "--tag=a", "--tag=b", "--file=F", "--build-arg=X=1=2", "--target=t", "."),
            id="build",
        ),
        pytest.param(
            ["build", "--cache-from=a", "--cache-from", "b", "--build-arg=BUILDKIT_INLINE_CACHE=1", "--quiet", "."],
            (*BUILD, "--quiet", "."),
            id="docker's-cache-is-left-out",
        ),
    ],
)
def test_buildah_does_what_docker_would(words: list[str], expected: tuple[str, ...]) -> None:
    assert Buildah().command(words) == expected
    assert Docker().command(words) == ("docker", *words)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["run", "a"], id="run"),
        pytest.param(["build", "--secret=id=x", "."], id="flag-that-buildah-lacks"),
    ],
)
def test_what_buildah_cannot_do_is_refused(words: list[str]) -> None:
    with pytest.raises(EngineError, match=r"buildah"):
        Buildah().command(words)


def test_pips_settings_reach_a_build_as_files(tmp_path: Path) -> None:
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


def test_a_machine_that_tells_pip_nothing_mounts_nothing(tmp_path: Path) -> None:
    assert mounts(settings("global.timeout-of-mine='3'\n"), tmp_path) == ()
