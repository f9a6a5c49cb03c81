"""Many visitors on one page.

Each visitor is a real session over the page's own WebSocket protocol, comes at a moment of its own, and gives another
picture every few seconds to three models behind a stub gateway that takes 50, 100 and 150 ms. Visitors, gateway and
page are a process each. What is measured is the page's own overhead: from the moment a visitor begins to send a picture
until the last of the three answers is in the visitor's hands, less the slowest model's 150 ms. What the visitors and
the gateway take for themselves is thus counted against the page; how busy they are is told, and so is how late the
visitors' process comes to what it has been sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.running import ROOT, answers, end_process, environment, free_port, wait_for

DELAYS = {"efficientnet-lite0": 0.05, "efficientnet-lite1": 0.10, "efficientnet-lite2": 0.15}
PICTURE_BYTES = 110_000
INPUT = "guichet_image_input"
PATIENCE = 30.0


@dataclass
class Figures:
    """What came of it. Times in milliseconds, memory in MiB."""

    visitors: int
    seconds: float
    pictures: int
    errors: int
    overhead_p50: float
    overhead_p95: float
    overhead_max: float
    memory_start: float
    memory_half: float
    memory_end: float
    cpu_share: float
    cpu_share_visitors: float
    cpu_share_gateway: float
    late_p95: float


@dataclass
class Visitor:
    """One browser's side of a session."""

    url: str
    overheads: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    input_id: str = ""
    page_hash: str = ""
    timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    verdicts: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    expects: str = ""

    async def stay(self, seconds: float, every: float, number: int) -> None:
        await asyncio.sleep(random.random() * 2 * every)  # people do not come all at once
        origin = websockets.Origin(self.url.replace("ws://", "http://"))
        protocols = [websockets.Subprotocol("streamlit")]
        async with websockets.connect(
            f"{self.url}/_stcore/stream", origin=origin, subprotocols=protocols, max_size=None
        ) as socket:
            self.socket = socket
            listener = asyncio.create_task(self._listen())
            await self._rerun()
            await asyncio.wait_for(self.finished.wait(), PATIENCE)
            await asyncio.sleep(1)
            until = time.monotonic() + seconds
            count = 0
            while time.monotonic() < until:
                count += 1
                await self._give(f"{number}-{count}", every)
            for timer in self.timers.values():
                timer.cancel()
            listener.cancel()

    async def _give(self, name: str, every: float) -> None:
        """Gives one picture and waits for three answers; then until it is time for the next."""
        picture = base64.b64encode(b"\xff\xd8\xff" + random.randbytes(PICTURE_BYTES)).decode()
        item = {"name": f"{name}.jpg", "data": picture, "handle": name}
        event = {"event": "images", "value": {"batch": name, "first": True, "items": [item]}}
        self.answered.clear()
        self.verdicts, self.expects = 0, name
        started = time.monotonic()
        await self._rerun(json.dumps([event]))
        try:
            await asyncio.wait_for(self.answered.wait(), PATIENCE)
        except TimeoutError:
            self.errors.append("no answer")
            return
        self.overheads.append((time.monotonic() - started - max(DELAYS.values())) * 1000)
        await asyncio.sleep(max(0.0, every - (time.monotonic() - started)))

    async def _rerun(self, trigger: str = "", fragment: str = "") -> None:
        message = BackMsg()
        run = message.rerun_script
        run.query_string = "models=" + ",".join(DELAYS)
        run.page_script_hash = self.page_hash
        if fragment:
            run.fragment_id = fragment
            run.is_auto_rerun = True
        if trigger:
            state = run.widget_states.widgets.add()
            state.id = f"$$STREAMLIT_INTERNAL_KEY_{self.input_id}__events"
            state.json_trigger_value = trigger
        await self.socket.send(message.SerializeToString())

    async def _listen(self) -> None:
        async for data in self.socket:
            message = ForwardMsg()
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.verdicts = 0
                # A run of the whole script ends the timers of the one before, as it does in a browser.
                if not message.metadata.run.fragment_ids:
                    for timer in self.timers.values():
                        timer.cancel()
                    self.timers.clear()
            elif kind == "navigation":
                self.page_hash = message.navigation.page_script_hash
            elif kind == "auto_rerun":
                fragment = message.auto_rerun.fragment_id
                if fragment not in self.timers:
                    self.timers[fragment] = asyncio.create_task(self._again(fragment, message.auto_rerun.interval))
            elif kind == "delta":
                self._read(message.delta)
            elif kind == "script_finished":
                self.finished.set()

    def _read(self, delta: Any) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "bidi_component" and element.bidi_component.component_name == INPUT:
            self.input_id = element.bidi_component.id
        elif kind == "html" and 'class="g-verdict' in element.html.body:
            self.verdicts += 1
            if self.verdicts == len(DELAYS) and self.expects:
                self.expects = ""
                self.answered.set()
        elif kind == "alert":
            self.errors.append(element.alert.body)
        elif kind == "exception":
            self.errors.append(element.exception.message)

    async def _again(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._rerun(fragment=fragment)


async def _lateness(found: list[float]) -> None:
    """How late (ms) this process comes to what is due, looked at ever again."""
    while True:
        due = time.monotonic() + 0.02
        await asyncio.sleep(0.02)
        found.append((time.monotonic() - due) * 1000)


async def visit(
    url: str, visitors: int, seconds: float, every: float, page: psutil.Process, gateway: psutil.Process
) -> Figures:
    """Lets the visitors stay; what came of it."""
    all_of_them = [Visitor(url) for _ in range(visitors)]
    start = page.memory_info().rss
    busy = {one: sum(one.cpu_times()[:2]) for one in (page, gateway, psutil.Process())}
    late: list[float] = []
    watch = asyncio.create_task(_lateness(late))
    began = time.monotonic()
    tasks = [asyncio.create_task(one.stay(seconds, every, number)) for number, one in enumerate(all_of_them)]
    await asyncio.sleep(seconds / 2)
    half = page.memory_info().rss
    results = await asyncio.gather(*tasks, return_exceptions=True)
    took = time.monotonic() - began
    watch.cancel()
    shares = [round((sum(one.cpu_times()[:2]) - before) / took, 3) for one, before in busy.items()]
    overheads = sorted(value for one in all_of_them for value in one.overheads) or [float("nan")]
    failed = [str(result) or repr(result) for result in results if isinstance(result, BaseException)]
    for fault in {*failed, *(error for one in all_of_them for error in one.errors)}:
        print(fault, file=sys.stderr)
    return Figures(
        visitors=visitors,
        seconds=round(took, 1),
        pictures=len(overheads),
        errors=len(failed) + sum(len(one.errors) for one in all_of_them),
        overhead_p50=round(statistics.median(overheads), 1),
        overhead_p95=round(overheads[int(len(overheads) * 0.95)], 1),
        overhead_max=round(overheads[-1], 1),
        memory_start=round(start / 2**20, 1),
        memory_half=round(half / 2**20, 1),
        memory_end=round(page.memory_info().rss / 2**20, 1),
        cpu_share=shares[0],
        cpu_share_gateway=shares[1],
        cpu_share_visitors=shares[2],
        late_p95=round(sorted(late)[int(len(late) * 0.95)], 1),
    )


def measured(visitors: int, seconds: float, every: float) -> Figures:
    """Starts a stub gateway and a page, each in a process of its own, lets the visitors in, and stops both."""
    ports = free_port(), free_port()
    gateway, page = (f"http://127.0.0.1:{port}" for port in ports)
    variables = environment(API_GATEWAY=gateway, API_KEY="test-key", HOST="127.0.0.1", PORT=str(ports[1]))
    commands = ["-m", "tests.frontend.stub_gateway", str(ports[0])], ["-m", "frontend"]
    processes = []
    try:
        for command in commands:
            processes.append(subprocess.Popen([sys.executable, *command], cwd=ROOT, env=variables, text=True))
        wait_for(lambda: answers(f"{page}/_stcore/health"), 30, "the page is up")
        url = page.replace("http://", "ws://")
        gateway_process, page_process = (psutil.Process(process.pid) for process in processes)
        return asyncio.run(visit(url, visitors, seconds, every, page_process, gateway_process))
    finally:
        for process in processes:
            end_process(process)
