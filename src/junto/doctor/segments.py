"""A relay on loopback that talks to a party in small TCP segments, for what opens its own sockets (gRPC)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from junto.config.model import Address
from junto.reach.dial import SMALL_SEGMENT, open_socket, resolve

_CHUNK = 1 << 16
_ENDED_S = 1.0


@contextmanager
def in_small_segments(address: Address, timeout_s: float) -> Iterator[str]:
    """Where, on loopback, one connection is relayed to `address`. Raises OSError or Failed."""
    _, places = resolve(address, timeout_s)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1))
        far = stack.enter_context(open_socket(places[0], timeout_s, SMALL_SEGMENT))
        far.settimeout(None)
        ends = [far, listener]

        def serve() -> None:
            with suppress(OSError), listener.accept()[0] as near:
                ends.append(near)
                back = threading.Thread(target=_pump, args=(far, near), name="junto-relay", daemon=True)
                back.start()
                _pump(near, far)
                back.join(_ENDED_S)

        thread = threading.Thread(target=serve, name="junto-relay", daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for each in list(ends):
                _end(each)
            thread.join(_ENDED_S)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Until one of them ends; then so does the other."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    _end(sink)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
