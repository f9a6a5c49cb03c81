"""deliverables.yaml: read, written whole, and by one run at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cloud.resources import Resource
from deploy.deliverables import Deliverables
from deploy.errors import RecordError
from deploy.recorded_state import KEPT_RELEASES, Note, RecordedState, Release, ReleasedService
from deploy.settings import ROOT, DeploySettings
from tests.hostile_documents import HOSTILE_DOCUMENTS

COMMITTED = (ROOT / "deliverables.yaml").read_text(encoding="utf-8")
COMMENT = COMMITTED[: COMMITTED.index("project:")]


@pytest.fixture
def deliverables(tmp_path: Path) -> Deliverables:
    """An empty record."""
    path = tmp_path / "deliverables.yaml"
    path.write_text(COMMENT + str(EMPTY), encoding="utf-8")
    return Deliverables(path)


EMPTY = """\
project: null
region: null
repository: null
gateway_region: null
images: {}
services: {}
gateway: {}
document: {}
monitoring: ''
releases: []
created: []
"""


def release(number: int) -> Release:
    service = ReleasedService(revision=f"guichet-x-{number}", image="i@sha256:1", content="c", cpu=2, memory="1Gi")
    return Release(
        release=number,
        at="2026-01-01",
        config=f"openapi-{number}",
        document="1",
        models=("x",),
        services={"guichet-x": service},
    )


def test_a_missing_file_is_an_empty_record(tmp_path: Path) -> None:
    assert Deliverables(tmp_path / "none.yaml").read() == RecordedState()


def test_comments_and_order_are_kept(deliverables: Deliverables) -> None:
    with deliverables.held("up"):
        deliverables.start(DeploySettings("my-project"))
        deliverables.create(Resource("service", "guichet-x"))
        deliverables.note(Note(("images", "x", "content"), "c"), Note(("images", "x", "build"), "b"))
        deliverables.note(Note(("services", "guichet-x", "generation"), 3))
        deliverables.release(release(1))
    assert (
        deliverables.path.read_text(encoding="utf-8")
        == COMMENT
        + """\
project: my-project
region: us-central1
repository: hw5-images
gateway_region: null
images:
  x:
    content: c
    build: b
services:
  guichet-x:
    generation: 3
gateway: {}
document: {}
monitoring: ''
releases:
  - release: 1
    at: '2026-01-01'
    config: openapi-1
    document: '1'
    models: [x]
    services:
      guichet-x: {revision: guichet-x-1, image: i@sha256:1, content: c, cpu: 2, memory: 1Gi}
created:
  - service guichet-x
"""
    )
    read = deliverables.read()
    assert read.services["guichet-x"].generation == 3
    assert read.resources == (Resource("service", "guichet-x"),)
    assert read.latest == release(1)


def test_added_comments_are_kept(deliverables: Deliverables) -> None:
    text = deliverables.path.read_text(encoding="utf-8").replace("repository: null", "repository: null # ours\n# more")
    deliverables.path.write_text(text, encoding="utf-8")
    with deliverables.held("up"):
        deliverables.create(Resource("key", "guichet"))
    written = deliverables.path.read_text(encoding="utf-8")
    assert "repository: null # ours\n# more\n" in written


def test_emptying_restores_the_committed_form(deliverables: Deliverables) -> None:
    before = deliverables.path.read_text(encoding="utf-8")
    with deliverables.held("up"):
        deliverables.start(DeploySettings("my-project"))
        deliverables.create(Resource("service", "guichet-x"))
        deliverables.release(release(1))
    with deliverables.held("down"):
        deliverables.remove(Resource("service", "guichet-x"))
        deliverables.empty()
    assert deliverables.path.read_text(encoding="utf-8") == before


def test_a_resource_is_listed_once_and_removed_once(deliverables: Deliverables) -> None:
    one, other = Resource("service", "guichet-x"), Resource("managed service", "guichet-x")
    with deliverables.held("up"):
        for resource in (one, other, one):
            deliverables.create(resource)
        assert deliverables.read().resources == (one, other)
        deliverables.remove(one)
        deliverables.remove(one)
    assert deliverables.read().resources == (other,)


def test_ten_releases_are_kept(deliverables: Deliverables) -> None:
    with deliverables.held("up"):
        for number in range(1, KEPT_RELEASES + 4):
            deliverables.release(release(number))
    kept = [release.release for release in deliverables.read().releases]
    assert kept == list(range(4, KEPT_RELEASES + 4))


@pytest.mark.integration
def test_a_second_run_is_refused(deliverables: Deliverables) -> None:
    hold = (
        "import sys; from pathlib import Path; from deploy.deliverables import Deliverables\n"
        "with Deliverables(Path(sys.argv[1])).held('deploy up'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(deliverables.path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(RecordError, match=rf"in use by `deploy up` \(process {first.pid}\)"),
            deliverables.held("deploy down"),
        ):
            pass
        first.kill()
    with deliverables.held("deploy down"):
        pass


def test_changing_the_record_without_the_lock_is_an_error(deliverables: Deliverables) -> None:
    with pytest.raises(RecordError, match="must be locked"):
        deliverables.create(Resource("key", "guichet"))


def test_an_interrupted_write_leaves_the_file_unchanged(deliverables: Deliverables) -> None:
    before = deliverables.path.read_text(encoding="utf-8")

    def breaks(_: object) -> None:
        raise KeyboardInterrupt

    with deliverables.held("up"), pytest.raises(KeyboardInterrupt):
        deliverables.change(breaks)
    assert deliverables.path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: [", "line 1: .*: fix it, or restore the committed file", id="no YAML"),
        pytest.param("- a\n", "should be a mapping", id="a list"),
        pytest.param("colour: red\n", "colour: Extra inputs are not permitted", id="an unknown field"),
        pytest.param("images: {x: {build: b}}\n", "images/x/content: Field required", id="a missing field"),
        pytest.param("created: [house x]\n", "'house x' should start with one of", id="an unknown kind"),
    ],
)
def test_an_invalid_record_is_reported_with_the_field(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "deliverables.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=said):
        Deliverables(path).read()


def test_the_committed_file_is_valid_and_documents_every_field() -> None:
    Deliverables(ROOT / "deliverables.yaml").read()
    for field in RecordedState.model_fields:
        assert field in COMMENT, f"the manual says nothing of {field}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('services: {"x\\ntouch stolen #": {}}', id="a name with a newline"),
        pytest.param('created: ["service $(touch stolen)"]', id="a substitution"),
        pytest.param('gateway: {key: "`touch stolen`"}', id="backquotes"),
        pytest.param('images: {x: {content: c, build: "${HOME}"}}', id="a variable"),
        pytest.param("images: {x: {content: c, build: --flags-file=x.yaml}}", id="an option of gcloud"),
        pytest.param("created: [service --flags-file=x.yaml]", id="an option as the name of a resource"),
    ],
)
def test_a_record_with_shell_code_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deliverables.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match="common punctuation only"):
        Deliverables(path).read()


@pytest.mark.parametrize("name", HOSTILE_DOCUMENTS)
def test_a_hostile_record_is_refused_in_one_printable_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "deliverables.yaml"
    path.write_bytes(HOSTILE_DOCUMENTS[name])
    with pytest.raises(RecordError) as refused:
        Deliverables(path).read()
    assert str(refused.value).startswith(str(path))
    assert str(refused.value).isprintable()


def test_an_unknown_field_cannot_move_the_cursor(tmp_path: Path) -> None:
    path = tmp_path / "deliverables.yaml"
    path.write_text('"\\e[2J": 1', encoding="utf-8")
    with pytest.raises(RecordError) as refused:
        Deliverables(path).read()
    assert str(refused.value).isprintable()


def test_the_record_is_not_written_through_a_link(deliverables: Deliverables) -> None:
    other = deliverables.path.with_name("other")
    other.write_text("kept", encoding="utf-8")
    new, lock = (deliverables.path.with_name(f".{deliverables.path.name}.{name}") for name in ("new", "lock"))
    new.symlink_to(other)
    with deliverables.held("up"):
        deliverables.create(Resource("key", "guichet"))
    assert "key guichet" in deliverables.path.read_text(encoding="utf-8")
    lock.unlink(missing_ok=True)
    lock.symlink_to(other)
    with pytest.raises(RecordError, match="cannot be locked"), deliverables.held("up"):
        pass
    assert other.read_text(encoding="utf-8") == "kept"
