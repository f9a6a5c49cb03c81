"""The distribution `guichet-gateway`, used in a folder of another project."""

import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from benchmarks.harness.gateway_installation import SOURCE, Installation, build_wheel, install
from benchmarks.harness.process import ROOT, end_process, environment
from tests.gateway.echo_backend import Echo
from tests.gateway.running_gateway import start, wait_until_ready

MEGABYTE = 1_000_000
PETS = """\
swagger: "2.0"
info: {title: pets, version: 1.0.0}
host: pets.example.com
securityDefinitions:
  key: {type: apiKey, name: x-api-key, in: header}
paths:
  /cats/{id}:
    get:
      operationId: getCat
      security: [{key: []}]
      x-google-backend: {address: "https://cats.example.com", path_translation: APPEND_PATH_TO_ADDRESS}
      parameters: [{name: id, in: path, required: true, type: string}]
      responses: {"200": {description: ok}}
  /dogs:
    get:
      operationId: listDogs
      x-google-backend:
        address: https://dogs.example.com/v2
        jwt_audience: https://dogs.example.com
        path_translation: APPEND_PATH_TO_ADDRESS
      responses: {"200": {description: ok}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("installed"))


@pytest.mark.integration
def test_an_installed_wheel_serves_a_document_of_another_project(
    installed: Installation, tmp_path: Path, rose: Echo, tulip: Echo
) -> None:
    (tmp_path / "pets.yaml").write_text(PETS)
    (tmp_path / "keys.yaml").write_text('- {key: local, consumer: "1111"}\n')
    gateway = start(
        Path("pets.yaml"),
        f"--backend=https://cats.example.com={rose.url}",
        f"--backend=https://dogs.example.com={tulip.url}",
        keys=Path("keys.yaml"),
        program=[installed.command],
        folder=tmp_path,
    )
    try:
        wait_until_ready(gateway)
        cat = gateway.send("GET /cats/7", {"x-api-key": "local"}).json
        assert (cat["backend"], cat["path"]) == ("rose", "/cats/7")
        assert cat["headers"]["host"] == "cats.example.com"
        dogs = gateway.send("GET /dogs").json
        assert (dogs["backend"], dogs["path"]) == ("tulip", "/v2/dogs")
        assert gateway.send("GET /cats/7").status == 401
    finally:
        end_process(gateway.process)


@pytest.mark.integration
def test_an_installed_wheel_checks_a_document_of_another_project(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "pets.yaml").write_text(PETS)
    run = subprocess.run(
        [installed.command, "check", "pets.yaml"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.integration
def test_an_installation_has_at_most_200_megabytes(installed: Installation) -> None:
    sizes = [path.stat().st_size for path in installed.packages.rglob("*") if path.is_file()]
    assert sum(sizes) < 200 * MEGABYTE


@pytest.mark.integration
def test_the_wheel_has_every_module_and_data_file_but_the_product_s(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_wheel(tmp_path, tmp_path / "wheels")) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("gateway/")}
    sources = (path.relative_to(ROOT) for kind in ("py", "lua", "json") for path in SOURCE.rglob(f"*.{kind}"))
    assert packed == {str(path) for path in sources if path.parts[1] != "product"}


def test_the_wheel_requires_versions_that_are_tested_here() -> None:
    wheel = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    pins = [pin.split("==") for pin in groups["gateway"]]
    tested = {name: Version(version) for name, version in pins}
    for requirement in map(Requirement, wheel["project"]["dependencies"]):
        assert tested[requirement.name] in requirement.specifier, requirement.name
