"""`python -m MODULE` in a fork of a process that has imported the module's libraries, which takes seconds with torch.

`python -m tests.forked` is that process: one for each module that callers of `run_module` name as `imports`. What the
module itself runs as `python -m MODULE` is forked too.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import pickle
import runpy
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from typing import Any, NoReturn

from benchmarks.harness.process import ROOT, environment

SECONDS = 110


def run_module(
    module: str, *arguments: str, imports: str, stdin: str = "", env: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """Run `python -m module` to its end in the repository's root; `env` is by default that of `environment`."""
    request = pickle.dumps((module, arguments, env or environment()))
    with contextlib.ExitStack() as opened:
        streams = [opened.enter_context(TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
        streams[0].write(stdin)
        streams[0].seek(0)
        channel, end = _forking_process(imports)
        try:
            socket.send_fds(channel, [len(request).to_bytes(8)], [stream.fileno() for stream in streams])
            channel.sendall(request)
            if not (code := channel.recv(4)):
                raise EOFError("the process that forks has ended")
        except BaseException:  # the next command should not get this one's exit code
            _forking_process.cache_clear()
            end()
            raise
        for stream in streams[1:]:
            stream.seek(0)
        return CompletedProcess(
            [module, *arguments], int.from_bytes(code, signed=True), *(stream.read() for stream in streams[1:])
        )


@cache
def _forking_process(imports: str) -> tuple[socket.socket, Callable[[], None]]:
    """The connection to a new process, which ends with this one, and a function that ends it and its forks."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "tests.forked", imports, str(theirs.fileno())]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        start_new_session=True,
    )
    theirs.close()
    ours.settimeout(SECONDS)

    def end() -> None:
        ours.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    atexit.register(end)
    return ours, end


def _next_command(channel: socket.socket) -> tuple[str, list[str]] | None:
    """In a fork: the module to run and its arguments. In this process: None, once the connection is closed."""
    while True:
        size, streams, _, _ = socket.recv_fds(channel, 8, 3)
        if not size:
            return None
        with channel.makefile("rb", buffering=0) as file:
            request = b""
            while len(request) < int.from_bytes(size):
                request += file.read(int.from_bytes(size) - len(request)) or b""
        if (child := os.fork()) == 0:
            channel.close()
            module, arguments, variables = pickle.loads(request)  # noqa: S301  # of our own process
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            os.environ.clear()
            os.environ.update(variables)
            return module, [module, *arguments]
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(child, 0)
        channel.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))


def _run_and_exit(module: str) -> NoReturn:
    """Run the module, and exit without taking the interpreter down, which takes two seconds with torch."""
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as err:
        code = err.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _forking(run: Callable[..., CompletedProcess[str]]) -> Callable[..., CompletedProcess[str]]:
    """Instead of `subprocess.run`: forks for `python -m MODULE`, if there are no options but `check=False`."""

    def forking(command: list[str], **options: Any) -> CompletedProcess[str]:
        if command[:2] != [sys.executable, "-m"] or options != {"check": False}:
            return run(command, **options)
        sys.stdout.flush()
        sys.stderr.flush()
        if (child := os.fork()) == 0:
            sys.argv = command[2:]
            _run_and_exit(command[2])
        _, status = os.waitpid(child, 0)
        return CompletedProcess(command, os.waitstatus_to_exitcode(status))

    return forking


if __name__ == "__main__":
    importlib.import_module(sys.argv[1])
    gc.collect()
    gc.freeze()
    if command := _next_command(socket.socket(fileno=int(sys.argv[2]))):
        module, sys.argv = command
        if constants := sys.modules.get("huggingface_hub.constants"):
            importlib.reload(constants)  # they come from the environment
        subprocess.run = _forking(subprocess.run)  # type: ignore[assignment]
        _run_and_exit(module)
