"""Processes that run a script as Python does, forked from one that has imported what takes long.

Tests of several parties start hundreds. Scripts that ask for an interpreter with other settings get one
of their own. There are two to fork from, with different hash seeds, as parties have.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO

MODULES = ("junto.device.spu.secure", "junto.join", "junto.net.gateway", "junto.execute.embedded", "pandas")
READ_EARLY = ("JAX_", "XLA_", "PYTHON", "GRPC_", "LD_", "OMP_", "OPENBLAS_", "MALLOC_")
"""Names of variables that are read before a script begins."""


took = [0.0]
"""Processor seconds of forked children that have ended: they are no children of this process."""


class Forked:
    """As much of `subprocess.Popen` as a party needs, of a child of another process."""

    def __init__(
        self, door: socket.socket, script: Path, folder: Path, environment: Mapping[str, str]
    ) -> None:
        stdin, write = os.pipe()
        read, stdout = os.pipe()
        self._status, status = os.pipe()
        order = json.dumps([str(script), str(folder), dict(environment)])
        socket.send_fds(door, [order.encode()], [stdin, stdout, status])
        for each in (stdin, stdout, status):
            os.close(each)
        self.stdin: IO[str] = open(write, "w")  # noqa: SIM115 - whoever has it closes it
        self.stdout: IO[str] = open(read)  # noqa: SIM115
        self.returncode: int | None = None
        self.pid = int(os.read(self._status, 100))

    def poll(self) -> int | None:
        """Its exit code, or None."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, as `subprocess` counts them."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a party", timeout or 0)
            code, seconds = os.read(self._status, 100).split()
            self.returncode = int(code)
            took[0] += float(seconds)
            os.close(self._status)
        return self.returncode

    def kill(self) -> None:
        """End it now."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def start(
    script: Path, folder: Path, environment: Mapping[str, str], which: int
) -> Forked | subprocess.Popen[str]:
    """Run `script` in `folder`; its output and its errors go the same way.

    Args:
        which: of the processes to fork from.
    """
    early = {name for name in {*environment, *os.environ} if name.startswith(READ_EARLY)}
    if hasattr(os, "pidfd_open") and all(environment.get(name) == os.environ.get(name) for name in early):
        return Forked(_door(which % 2), script, folder, environment)
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        cwd=folder,
    )


@cache
def _door(which: int) -> socket.socket:
    """Where a process to fork from takes orders; it ends with this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, __file__, str(its.fileno())],
        pass_fds=[its.fileno()],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    its.close()

    def end() -> None:
        ours.close()
        process.wait(20)

    atexit.register(end)
    return ours


def serve(door: socket.socket) -> Path | None:
    """Fork for each order and say how each child ended; in a child, the script it has to run."""
    running: dict[int, tuple[int, int]] = {}
    while True:
        for ready in select.select([door, *running], [], [])[0]:
            if ready in running:
                child, status = running.pop(ready)
                os.close(ready)
                _, code, used = os.wait4(child, 0)
                seconds = used.ru_utime + used.ru_stime
                os.write(status, f"{os.waitstatus_to_exitcode(code)} {seconds}".encode())
                os.close(status)
                continue
            order, descriptors, _, _ = socket.recv_fds(door, 1 << 20, 3)
            if not order:
                return None
            child = os.fork()
            if not child:
                for each in (*running, *(status for _, status in running.values()), descriptors[2]):
                    os.close(each)
                door.close()
                return become(order, descriptors[:2])
            os.write(descriptors[2], str(child).encode())
            running[os.pidfd_open(child)] = child, descriptors[2]
            for each in descriptors[:2]:
                os.close(each)


def become(order: bytes, descriptors: list[int]) -> Path:
    """Be the process that was ordered, as far as a process can tell."""
    script, folder, environment = json.loads(order)
    os.dup2(descriptors[0], 0)
    os.dup2(descriptors[1], 1)
    os.dup2(descriptors[1], 2)
    for each in descriptors:
        os.close(each)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return Path(script)


if __name__ == "__main__":
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()
    script = serve(socket.socket(fileno=int(sys.argv[1])))
    if script is not None:
        sys.argv[:], sys.path[0] = [str(script)], str(script.parent)
        main = ModuleType("__main__")
        main.__file__ = str(script)
        sys.modules["__main__"] = main
        exec(compile(script.read_bytes(), script, "exec"), vars(main))
