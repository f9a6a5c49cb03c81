"""`python -m benchmarks.pictures`: hostile pictures, Pillow's own collection first, sent to the real service.

Each must be answered without a 5xx, for at most two seconds of processor and 300 MiB, and a good photo be answered
right after it as before. The result is the table in docs/pictures.md.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import psutil
import typer
from rich.console import Console

from benchmarks.machine import Machine
from benchmarks.photos import default_folder, photos_in
from benchmarks.processes import HOST, ROOT, Answer, Command, Request, adopt_orphans, asked, free_ports, running
from benchmarks.shell import run
from tests.services.pictures import encoded, gradient, hostile_pictures, largest_pictures, mutations
from tests.services.weighing import Cost, weighed

MODEL: Final = "efficientnet-lite0"
MOST_SECONDS: Final = 2.0
MOST_BYTES: Final = 300 * 2**20
CHANGED: Final = 400
KINDS: Final = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
DOCUMENT: Final = ROOT / "docs" / "pictures.md"

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Sent:
    """A picture that was sent: from which set, what came back, what it cost, and if the good photo was well after."""

    source: str
    name: str
    outcome: str
    cost: Cost
    unharmed: bool

    @property
    def fault(self) -> str:
        """What is wrong with it, or nothing."""
        if not self.outcome.startswith(("200", "4")):
            return self.outcome
        if self.cost.seconds > MOST_SECONDS:
            return f"{self.cost.seconds:.1f} s of processor"
        if self.cost.growth > MOST_BYTES:
            return _mib(self.cost.growth)
        return "" if self.unharmed else "the good photo was not answered as before"


def collection(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The test images in Pillow's source distribution, by name."""
    with tarfile.open(archive) as opened:
        for member in opened:
            _, found, name = member.name.partition("/Tests/images/")
            if found and member.isfile() and (content := opened.extractfile(member)):
                yield name, content.read()


def downloaded(folder: Path) -> Path:
    """Pillow's source distribution, of the version that is installed, from the package registry; raises OSError."""
    wanted = f"pillow=={importlib.metadata.version('pillow')}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", wanted]
    run = subprocess.run([*command, f"--dest={folder}"], capture_output=True, text=True, check=False)
    if run.returncode:
        raise OSError(run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "pip failed")
    return next(folder.glob("*.tar.gz"))


def generated() -> Iterator[tuple[str, bytes]]:
    """Those of the tests, the largest that are read, and small ones changed by chance."""
    for picture in [*hostile_pictures(), *largest_pictures()]:
        yield str(picture), picture.made()
    for kind in KINDS:
        data = encoded(gradient(120, 90), kind)
        for number, changed in enumerate(mutations(data, CHANGED, seed=len(data))):
            yield f"changed-{number}.{kind.lower()}", changed


class Service:
    """A running service, asked one thing after the other."""

    def __init__(self, port: int, photo: bytes) -> None:
        self._port, self._photo = port, photo
        self._pid = next(
            one.pid for one in psutil.Process().children() if "services.classifier" in " ".join(one.cmdline())
        )
        self._good = self._asked(photo).body

    def sent(self, source: str, name: str, data: bytes) -> Sent:
        """The picture, and after it the good photo."""
        answer, cost = weighed(self._pid, lambda: self._asked(data))
        return Sent(source, name, _outcome(answer), cost, self._asked(self._photo).body == self._good)

    def _asked(self, data: bytes) -> Answer:
        try:
            return asked(Request(self._port, "/predict", {"Content-Type": "application/octet-stream"}, data), 30)
        except OSError:
            return Answer(0, b"", {})


def _outcome(answer: Answer) -> str:
    if answer.status == 200:
        return "200"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return f"{answer.status} {json.loads(answer.body)['code']}"
    return f"{answer.status}" if answer.status else "no answer"


def report(sent: list[Sent], machine: Machine) -> str:
    """The page in docs, whole."""
    sources = list(dict.fromkeys(one.source for one in sent))
    outcomes = sorted({one.outcome for one in sent})
    lines = [
        "# Hostile pictures",
        "",
        "`make pictures` sends them to the real service, one after the other, and a good photo after each; the program"
        " writes this page. Memory is what the service's processes grew by at the highest, all together.",
        "",
        f"| | {' | '.join(sources)} | wanted |",
        f"|---|{'---:|' * (len(sources) + 1)}",
        _row("pictures", sources, lambda source: str(len(_of(sent, source)))),
    ]
    for outcome in outcomes:
        lines.append(_row(outcome, sources, lambda s, o=outcome: str(Counter(x.outcome for x in _of(sent, s))[o])))
    lines += [
        _row("most processor", sources, lambda s: f"{max(x.cost.seconds for x in _of(sent, s)):.2f} s", "≤ 2 s"),
        _row("most memory", sources, lambda s: _mib(max(x.cost.growth for x in _of(sent, s))), "≤ 300 MiB"),
        _row("killed a decoder", sources, lambda s: str(sum(x.cost.killed for x in _of(sent, s)))),
        _row("good photo answered after", sources, lambda s: str(sum(x.unharmed for x in _of(sent, s))), "all"),
        _row("against what is wanted", sources, lambda s: str(sum(bool(x.fault) for x in _of(sent, s))), "0"),
        "",
        "The most expensive:",
        "",
        "| picture | answer | processor | memory |",
        "|---|---|---:|---:|",
    ]
    for one in sorted(sent, key=lambda one: -max(one.cost.seconds / MOST_SECONDS, one.cost.growth / MOST_BYTES))[:10]:
        lines.append(f"| {one.name} | {one.outcome} | {one.cost.seconds:.2f} s | {_mib(one.cost.growth)} |")
    versions = f"Pillow {machine.versions['pillow']}, simplejpeg {machine.versions['simplejpeg']}"
    return "\n".join([*lines, "", f"{versions}; {machine.processor}, {machine.cores} cores; {machine.when}.", ""])


def _row(name: str, sources: Iterable[str], cell: object, wanted: str = "") -> str:
    assert callable(cell)
    return f"| {name} | {' | '.join(cell(source) for source in sources)} | {wanted} |"


def _of(sent: list[Sent], source: str) -> list[Sent]:
    return [one for one in sent if one.source == source]


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


def main(
    archive: Annotated[
        Path | None,
        typer.Option(help="Pillow's source distribution; downloaded from the package registry if not given."),
    ] = None,
    output: Annotated[Path, typer.Option(help="Where the table goes.")] = DOCUMENT,
) -> None:
    """Send hostile pictures to the real service; exit code 1 if one does harm."""
    adopt_orphans()
    sent: list[Sent] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            archive = archive or downloaded(Path(folder))
        except OSError as err:
            console.print(f"Pillow's collection cannot be had: {err}. Give it with --archive.")
            raise typer.Exit(2) from err
        (port,) = free_ports(1)
        photo = photos_in(default_folder())[0].data
        variables = {"MODEL_NAME": MODEL, "MODEL_DIR": str(ROOT / ".models"), "HOST": HOST, "PORT": str(port)}
        command = Command((sys.executable, "-m", "services.classifier"), variables)
        with running([command], Request(port, "/predict", {}, photo), Path(folder) / "log"):
            service = Service(port, photo)
            for name, data in collection(archive):
                sent.append(service.sent("Pillow's own", name, data))
            for name, data in generated():
                sent.append(service.sent("generated", name, data))
    text = report(sent, Machine.here())
    output.write_text(text, encoding="utf-8")
    console.print(text, markup=False)
    wrong = [one for one in sent if one.fault]
    for one in wrong:
        console.print(f"{one.source}: {one.name}: {one.fault}", markup=False)
    if wrong:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
