"""`docker …` as command lines of buildah."""

from __future__ import annotations

import pytest

from deploy.cloudbuild.engines import Buildah, Docker, EngineError

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
def test_docker_arguments_become_buildah_arguments(words: list[str], expected: tuple[str, ...]) -> None:
    assert Buildah().command(words) == expected
    assert Docker().command(words) == ("docker", *words)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["run", "a"], id="run"),
        pytest.param(["build", "--secret=id=x", "."], id="flag-that-buildah-lacks"),
    ],
)
def test_unsupported_arguments_are_errors(words: list[str]) -> None:
    with pytest.raises(EngineError, match=r"buildah"):
        Buildah().command(words)
