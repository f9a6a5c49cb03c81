"""Many visitors of one page, over its own WebSocket protocol, and a stub gateway of 50, 100 and 150 ms.

Each visitor sends a new image to three models every few seconds. The page's overhead is the time from sending the image
to the third prediction, less the slowest model's 150 ms. It includes what the visitors' process and the gateway add, so
the report states how busy they were and how late the visitors' event loop was.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.harness.command import console
from benchmarks.harness.process import HOST, ROOT, cpu_seconds, end_process, environment, free_port
from benchmarks.page.one_visitor import Spread, page_process

MODELS: Final = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
SLOWEST_SECONDS: Final = 0.15
IMAGE_BYTES: Final = 110_000
INPUT: Final = "guichet_image_input"
TIMEOUT_SECONDS: Final = 30.0
LAG_INTERVAL: Final = 0.02


@dataclass(frozen=True)
class Figures:
    """Overhead and lag in milliseconds, memory at start, halfway and end, CPU in shares of one core."""

    visitors: int
    images: int
    errors: int
    overhead: Spread
    memory_mib: tuple[float, float, float]
    cpu_page: float
    cpu_gateway: float
    cpu_visitors: float
    lag_p95: float


@dataclass
class Visitor:
    """The browser's side of one session."""

    url: str
    number: int
    overheads: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _input_id: str = ""
    _page_hash: str = ""
    _timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _missing: int = 0
    _loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def stay(self, seconds: float, every: float) -> None:
        """Connect after a random delay, and send an image `every` so many seconds."""
        await asyncio.sleep(random.random() * 2 * every)
        async with self._connected():
            await asyncio.sleep(1)
            until, count = time.monotonic() + seconds, 0
            while time.monotonic() < until:
                count += 1
                await self._classify(f"{self.number}-{count}", every)

    async def send_files(self, start: bytes, size: int, count: int) -> None:
        """Send files of random bytes after `start`, each in a batch of its own, without the checks of a browser."""
        async with self._connected():
            for number in range(count):
                data = base64.b64encode(start + random.randbytes(size)).decode()
                item = {"name": f"{number}.jpg", "data": data, "handle": ""}
                batch = {"batch": f"{self.number}-{number}", "first": number == 0, "items": [item]}
                self._loaded.clear()
                await self._rerun(json.dumps([{"event": "images", "value": batch}]))
                await asyncio.wait_for(self._loaded.wait(), TIMEOUT_SECONDS)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        origin = websockets.Origin(self.url.replace("ws://", "http://"))
        protocols = [websockets.Subprotocol("streamlit")]
        async with websockets.connect(
            f"{self.url}/_stcore/stream", origin=origin, subprotocols=protocols, max_size=None
        ) as self._socket:
            listener = asyncio.create_task(self._listen())
            try:
                await self._rerun()
                await asyncio.wait_for(self._loaded.wait(), TIMEOUT_SECONDS)
                yield
            finally:
                self._cancel_timers()
                listener.cancel()

    async def _classify(self, name: str, every: float) -> None:
        """Send an image, wait for three predictions, and then until the next image is due."""
        image = base64.b64encode(b"\xff\xd8\xff" + random.randbytes(IMAGE_BYTES)).decode()
        item = {"name": f"{name}.jpg", "data": image, "handle": name}
        event = {"event": "images", "value": {"batch": name, "first": True, "items": [item]}}
        self._complete.clear()
        self._missing = len(MODELS)
        started = time.monotonic()
        await self._rerun(json.dumps([event]))
        try:
            await asyncio.wait_for(self._complete.wait(), TIMEOUT_SECONDS)
        except TimeoutError:
            self.errors.append("no predictions")
            return
        self.overheads.append((time.monotonic() - started - SLOWEST_SECONDS) * 1000)
        await asyncio.sleep(max(0.0, every - (time.monotonic() - started)))

    async def _rerun(self, trigger: str = "", fragment: str = "") -> None:
        message = BackMsg()
        run = message.rerun_script
        run.query_string = "models=" + ",".join(MODELS)
        run.page_script_hash = self._page_hash
        if fragment:
            run.fragment_id = fragment
            run.is_auto_rerun = True
        if trigger:
            state = run.widget_states.widgets.add()
            state.id = f"$$STREAMLIT_INTERNAL_KEY_{self._input_id}__events"
            state.json_trigger_value = trigger
        await self._socket.send(message.SerializeToString())

    async def _listen(self) -> None:
        async for data in self._socket:
            message = ForwardMsg()
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            match message.WhichOneof("type"):
                case "new_session":
                    if self._missing:
                        self._missing = len(MODELS)
                    # As in a browser, a run of the whole script ends the earlier run's timers.
                    if not message.metadata.run.fragment_ids:
                        self._cancel_timers()
                case "navigation":
                    self._page_hash = message.navigation.page_script_hash
                case "auto_rerun":
                    fragment, interval = message.auto_rerun.fragment_id, message.auto_rerun.interval
                    if fragment not in self._timers:
                        self._timers[fragment] = asyncio.create_task(self._rerun_every(interval, fragment))
                case "delta":
                    self._read(message.delta.new_element)
                case "script_finished":
                    self._loaded.set()

    def _read(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "bidi_component" and element.bidi_component.component_name == INPUT:
            self._input_id = element.bidi_component.id
        elif kind == "html" and 'class="g-verdict' in element.html.body and self._missing:
            self._missing -= 1
            if not self._missing:
                self._complete.set()
        elif kind == "html" and 'class="g-error' in element.html.body:
            self.errors.append(element.html.body)
        elif kind == "exception":
            self.errors.append(element.exception.message)

    async def _rerun_every(self, interval: float, fragment: str) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._rerun(fragment=fragment)

    def _cancel_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


def measure(visitors: int, seconds: float, every: float) -> Figures:
    """Run the stub gateway, the page and the visitors, each in its own process."""
    with page_and_gateway() as (url, processes):
        return asyncio.run(_visit(url, visitors, seconds, every, processes))


@contextmanager
def page_and_gateway() -> Iterator[tuple[str, dict[str, psutil.Process]]]:
    """The URL of the page's WebSockets, and the processes "page" and "gateway"."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.harness.stub_gateway", str(port)]
    gateway = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
    try:
        with page_process(f"http://{HOST}:{port}", "test-key") as (url, page):
            processes = {"page": psutil.Process(page.pid), "gateway": psutil.Process(gateway.pid)}
            yield url.replace("http://", "ws://"), processes
    finally:
        end_process(gateway)


async def _visit(url: str, count: int, seconds: float, every: float, processes: dict[str, psutil.Process]) -> Figures:
    visitors = [Visitor(url, number) for number in range(count)]
    processes = processes | {"visitors": psutil.Process()}
    sizes = [processes["page"].memory_info().rss]
    before = {name: cpu_seconds([process]) for name, process in processes.items()}
    lags: list[float] = []
    sampler = asyncio.create_task(_sample_lag(lags))
    began = time.monotonic()
    tasks = [asyncio.create_task(visitor.stay(seconds, every)) for visitor in visitors]
    await asyncio.sleep(seconds / 2)
    sizes.append(processes["page"].memory_info().rss)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    elapsed = time.monotonic() - began
    sampler.cancel()
    sizes.append(processes["page"].memory_info().rss)
    cpu = {name: (cpu_seconds([process]) - before[name]) / elapsed for name, process in processes.items()}
    overheads = [value for visitor in visitors for value in visitor.overheads]
    failures = [str(result) or repr(result) for result in results if isinstance(result, BaseException)]
    errors = failures + [error for visitor in visitors for error in visitor.errors]
    for error in sorted(set(errors)):
        console.print(error, style="red", markup=False)
    start, half, end = (size / 2**20 for size in sizes)
    return Figures(
        visitors=count,
        images=len(overheads),
        errors=len(errors),
        overhead=Spread.of(overheads or [float("nan")]),
        memory_mib=(start, half, end),
        cpu_page=cpu["page"],
        cpu_gateway=cpu["gateway"],
        cpu_visitors=cpu["visitors"],
        lag_p95=Spread.of(lags or [float("nan")]).p95,
    )


async def _sample_lag(lags: list[float]) -> None:
    """Record how late (ms) the event loop wakes up, again and again."""
    while True:
        due = time.monotonic() + LAG_INTERVAL
        await asyncio.sleep(LAG_INTERVAL)
        lags.append((time.monotonic() - due) * 1000)
