"""What the Dockerfiles, the lock files and the lists of admitted files promise, without building anything."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.harness.process import ROOT
from deploy.plan.container_images import SHARED_INPUTS, ContainerImage, images_to_build
from services.catalog import load_catalog

BASE = "services/base.Dockerfile"
APPLICATIONS = ("services/Dockerfile", "services/directory/Dockerfile", "frontend/Dockerfile")
LOCKS = {
    "catalog": "services/catalog.lock",
    "classifier": "services/classifier.lock",
    "directory": "services/directory.lock",
    "export": "services/export.lock",
    "frontend": "frontend/frontend.lock",
}


def instructions(path: str) -> list[tuple[str, str]]:
    """Name and arguments of each instruction, lines joined, comments left out."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / path).read_text(encoding="utf-8"))
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def last_stage(path: str) -> list[tuple[str, str]]:
    """The instructions that make the image itself."""
    reversed_stage = list(takewhile(lambda one: one[0] != "FROM", reversed(instructions(path))))
    return reversed_stage[::-1]


def pins(group: str) -> dict[str, str]:
    """The versions that pyproject.toml pins in a group, by name."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    found: dict[str, str] = {}
    for entry in groups[group]:
        if isinstance(entry, dict):
            found |= pins(entry["include-group"])
        else:
            requirement = Requirement(entry)
            found[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


def locked(path: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each package in a lock file."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return {
        canonicalize_name(name): (version, hashes.count("--hash=sha256:"))
        for name, version, hashes in re.findall(r"(?m)^([\w.-]+)==(\S+)[^\n]*\n((?:    .*\n)*)", text)
    }


def stage_sources(path: str) -> set[str]:
    """What a Dockerfile takes from the source, relative to the root."""
    copied = [words.split()[:-1] for name, words in instructions(path) if name == "COPY" and "--from=" not in words]
    return {source for sources in copied for source in sources}


@pytest.mark.parametrize("path", [BASE, *APPLICATIONS])
def test_every_stage_is_based_on_python_slim_or_on_the_base(path: str) -> None:
    first, *stages = [words for name, words in instructions(path) if name == "FROM"]
    # With or without a digest. Dependabot does not look into variables.
    assert re.fullmatch(r"docker\.io/library/python:3\.11-slim(@sha256:[0-9a-f]{64})? AS python", first)
    assert {stage.split()[0] for stage in stages[:-1]} <= {"python"}
    assert stages[-1] == ("python" if path == BASE else "${BASE_IMAGE}")


def test_dependabot_looks_at_every_dockerfile() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
    (docker,) = [update for update in updates if update["package-ecosystem"] == "docker"]
    assert {f"/{Path(path).parent}" for path in (BASE, *APPLICATIONS)} == set(docker["directories"])


@pytest.mark.parametrize("path", [BASE, *APPLICATIONS])
def test_no_image_installs_anything_or_checks_its_own_health(path: str) -> None:
    names = [name for name, _ in last_stage(path)]
    assert not {"RUN", "HEALTHCHECK", "ADD", "SHELL", "VOLUME", "ENTRYPOINT"} & set(names)
    assert names.count("COPY") == (2 if path == "services/Dockerfile" else 1)


def test_the_base_runs_as_a_numeric_user_that_is_not_root_and_nothing_changes_it() -> None:
    assert [words for name, words in last_stage(BASE) if name == "USER"] == ["65532:65532"]
    for path in APPLICATIONS:
        assert not [words for name, words in instructions(path) if name == "USER"]


@pytest.mark.parametrize("path", APPLICATIONS)
def test_an_application_says_what_it_is_and_starts_without_a_shell(path: str) -> None:
    stage = dict(last_stage(path))
    assert json.loads(stage["CMD"])[:2] == ["python", "-m"]
    assert "PORT=${PORT}" in stage["ENV"]
    for label in ("title", "description", "licenses", "base.name"):
        assert f"org.opencontainers.image.{label}=" in stage["LABEL"]


def test_the_artifacts_layer_comes_before_the_codes() -> None:
    copied = [words for name, words in last_stage("services/Dockerfile") if name == "COPY"]
    assert copied == ["--from=export /rootfs/ /", "--from=code /rootfs/ /"]


@pytest.mark.parametrize(("group", "path"), LOCKS.items(), ids=LOCKS)
def test_a_lock_holds_the_pins_each_with_its_hashes(group: str, path: str) -> None:
    found = locked(path)
    assert all(hashes for _, hashes in found.values())
    # torch's files differ from index to index, so it is pinned without hashes.
    torch = {name: pins("export").pop(name) for name in ("torch", "torchvision")}
    wanted = {name: version for name, version in pins(group).items() if name not in torch}
    assert {name: found[name][0] for name in wanted if name in found} == wanted, "run `make lock`"
    assert "://" not in (ROOT / path).read_text(encoding="utf-8")
    assert (ROOT / "services/torch.txt").read_text() == "".join(f"{name}=={torch[name]}\n" for name in torch)


def test_torch_is_locked_by_hash_for_pypi() -> None:
    found = locked("services/torch.lock")
    wanted = dict(line.split("==") for line in (ROOT / "services/torch.txt").read_text().split())
    assert {name: found[name][0] for name in wanted} == wanted, "run `make lock`"
    assert all(hashes for _, hashes in found.values())
    assert not found.keys() & locked(LOCKS["export"]).keys()


def test_nothing_is_installed_that_is_not_locked() -> None:
    """Torch from an index other than PyPI is the exception: its hashes are not known."""
    installs = [
        words
        for path in (BASE, *APPLICATIONS)
        for name, words in instructions(path)
        if name == "RUN"
        for words in re.split(r"&&|; ", words)
        if ("pip" in words or "$install" in words) and "--requirement" in words
    ]
    assert len(installs) >= 4
    assert [words for words in installs if "--require-hashes" not in words and "${TORCH_INDEX}" not in words] == []


def test_make_installs_nothing_that_is_not_locked() -> None:
    """With the same exception, and two groups that only tests and benchmarks need."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    installs = re.findall(r"\$\(INSTALL\) (?!\$\(2\)).*?(?=;|&&|$)|^\t\$\(call install_into,.*", text, re.MULTILINE)
    assert len(installs) >= 4
    known = ("--require-hashes", "TORCH_INDEX", "--group clients", "--group benchmark")
    assert [words for words in installs if not any(name in words for name in known)] == []


def test_serving_needs_no_torch() -> None:
    for group in ("classifier", "directory", "frontend"):
        assert not {"torch", "torchvision", "nncf"} & locked(LOCKS[group]).keys()


def test_docker_and_google_are_given_the_same_files() -> None:
    lists = {name: (ROOT / name).read_text().splitlines()[1:] for name in (".dockerignore", ".gcloudignore")}
    assert lists[".dockerignore"] == lists[".gcloudignore"]
    assert lists[".dockerignore"][0] == "/*", "nothing gets in that is not named"
    taken = {source.partition("/")[0] for path in (BASE, *APPLICATIONS) for source in stage_sources(path)}
    assert {f"!/{folder}" for folder in taken if "$" not in folder} == set(lists[".dockerignore"][1:3])


@pytest.mark.integration
def test_gcloud_uploads_what_is_admitted_and_nothing_else(tmp_path: Path) -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("There is no gcloud to ask what it would upload.")
    names = [
        "services/catalog/load.py",
        "services/http/x.py",
        "frontend/app.py",
        "services/__pycache__/a.pyc",
        "services/README.md",
    ]
    names += [".env", "deploy/settings.py", ".venv/bin/python", ".models/a/model.bin", "README.md", "services/a.pyc"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    shutil.copy(ROOT / ".gcloudignore", tmp_path)
    command = [gcloud, "meta", "list-files-for-upload", str(tmp_path)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(listed) == ["frontend/app.py", "services/catalog/load.py", "services/http/x.py"]


@pytest.mark.parametrize("image", images_to_build([], load_catalog()).values(), ids=lambda image: image.name)
def test_all_that_an_image_is_made_from_decides_its_content(image: ContainerImage) -> None:
    # A model's export takes the whole folder and picks: see services/export/build_context.py.
    sources = {source for source in stage_sources(image.dockerfile) if source not in ("services/", "${LOCK}")}
    for source in {BASE, image.dockerfile, image.lock, *sources}:
        path = f"{source}x.py" if source.endswith("/") else source
        assert any(fnmatch(path, pattern.replace("**/", "")) for pattern in (*SHARED_INPUTS, *image.inputs)), (
            f"{image.name}: {source}"
        )


@pytest.mark.parametrize(
    ("path", "package"), [("services/Dockerfile", "classifier"), ("services/directory/Dockerfile", "directory")]
)
def test_an_image_contains_every_module_that_its_service_imports(path: str, package: str) -> None:
    copied = {source for source in stage_sources(path) if source != "services/"}
    queue, seen = [*(ROOT / "services" / package).rglob("*.py")], set[Path]()
    while queue:
        module = queue.pop()
        source = module.relative_to(ROOT).as_posix()
        assert any(source.startswith(one) if one.endswith("/") else source == one for one in copied), source
        seen.add(module)
        names = re.findall(r"(?m)^\s*(?:from|import) (services[\w.]*)", module.read_text(encoding="utf-8"))
        files = [ROOT / f"{name.replace('.', '/')}.py" for name in names]
        queue += [file for file in files if file.exists() and file not in seen]
