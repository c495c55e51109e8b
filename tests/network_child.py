"""Runs commands in network namespaces for `networks`, as forks of a process that has imported all they need.

Standard input is a JSON list of pairs, {"helpers": [job...], "jobs": [job...]}; a job is {"namespace",
"role", "arguments", "out", "clock"}. A pair's helpers listen before its jobs start, and end after them.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import random
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import junto.certificates
import junto.doctor.diagnosis  # noqa: F401
from junto.cli.main import app

AT_ONCE = 12
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_LISTENS = "0A"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Page(BaseHTTPRequestHandler):
    """Some web server."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def http(host: str, port: str) -> None:
    """A web server, which answers what it does not understand with an error page, as a proxy does."""
    ThreadingHTTPServer((host, int(port)), Page).serve_forever()


def interceptor(host: str, port: str, certificate: str, newest: str = "TLSv1_3") -> None:
    """Ends TLS with a certificate of its own; `newest`: the highest version it speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion[newest]
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    with socket.create_server((host, int(port))) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_intercept, args=(context, connection), daemon=True).start()


def _intercept(context: ssl.SSLContext, connection: socket.socket) -> None:
    with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
        secured.recv(1000)


def mute(host: str, port: str) -> None:
    """Accepts, and says nothing."""
    held = []
    with socket.create_server((host, int(port))) as listener:
        while True:
            held.append(listener.accept()[0])


def slow(far: str, here: str, there: str) -> None:
    """Carries IP packets to the namespace `far` and back: 100 ms each way, and one of twenty is lost.

    `here` and `there` are the two addresses; a port on loopback says that all is set up.
    """
    with socket.socket() as sign:
        sign.bind(("127.0.0.1", 0))
        ends = [_tun(here, there)]
        enter(far)
        ends.append(_tun(there, here))
        sign.listen()
        chance, waiting = random.Random(7), deque[tuple[float, int, bytes]]()
        while True:
            rest = max(waiting[0][0] - time.monotonic(), 0) if waiting else None
            for ready in select.select(ends, [], [], rest)[0]:
                packet = os.read(ready, 2048)
                if chance.random() > 0.05:
                    waiting.append((time.monotonic() + 0.1, ends[ready == ends[0]], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                os.write(*waiting.popleft()[1:])


def _tun(here: str, there: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", b"slow", _IFF_TUN | _IFF_NO_PI))
    for text in ("link set slow up", f"route add {there} dev slow src {here}"):
        subprocess.run(["ip", *text.split()], check=True)
    return descriptor


def command(*arguments: str) -> None:
    """The command `junto`."""
    app(arguments, prog_name="junto")


ROLES: Mapping[str, Callable[..., None]] = {
    "http": http,
    "interceptor": interceptor,
    "mute": mute,
    "slow": slow,
    "junto": command,
}


def enter(namespace: str) -> None:
    """Move this thread there."""
    with open(f"/run/netns/{namespace}") as place:
        if _LIBC.setns(place.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def fork(job: Mapping[str, Any]) -> int:
    """Start `job`; its process id."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        enter(job["namespace"])
        with open(job["out"], "wb", buffering=0) as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        if job["clock"]:  # a library to preload takes a process of its own
            library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
            faked = {
                "LD_PRELOAD": str(library),
                "FAKETIME": job["clock"],
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
            os.environ.update(faked)
            os.execv(sys.executable, [sys.executable, "-m", "junto", *job["arguments"]])
        ROLES[job["role"]](*job["arguments"])
        code = 0
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 0
    finally:
        with suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def listening(namespace: str) -> bool:
    """Whether anybody listens there on TCP."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(namespace)
        lines = [
            line
            for name in ("tcp", "tcp6")
            for line in Path(f"/proc/thread-self/net/{name}").read_text().splitlines()
        ]
        return any(line.split()[3] == _LISTENS for line in lines)
    finally:
        _LIBC.setns(home, _CLONE_NEWNET)
        os.close(home)


def await_helpers(helpers: Sequence[Mapping[str, Any]]) -> None:
    """Until a port is open at the place of each."""
    ends = time.monotonic() + 30
    for job in helpers:
        while not listening(job["namespace"]):
            if time.monotonic() > ends:
                raise TimeoutError(f"nobody listens: {job}")
            time.sleep(0.02)


def run(pair: Mapping[str, Any]) -> None:
    """A pair's jobs, to their end."""
    helpers = [fork(job) for job in pair["helpers"]]
    try:
        await_helpers(pair["helpers"])
        jobs = [fork(job) for job in pair["jobs"]]
        return [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in jobs]
    finally:
        for each in helpers:
            os.kill(each, signal.SIGKILL)
            os.waitpid(each, 0)


if __name__ == "__main__":
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, json.load(sys.stdin)))
