"""Ports of this machine for parties that start in a moment."""

import secrets
import socket
from contextlib import ExitStack

_FIRST, _COUNT = 20_000, 12_000
"""Below the ports that systems hand out: nobody who asks for any port is given one of these."""


def claim(count: int, until: ExitStack) -> list[int]:
    """Free loopback ports for TCP, which nobody else who claims ports here is given before `until` closes.

    The claim is a UDP socket of the same number: the system gives it to one process alone and takes
    it back when that process ends, however it ends.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = _FIRST + secrets.randbelow(_COUNT)
        with ExitStack() as trial:
            mark = trial.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                mark.bind(("127.0.0.1", port))
                socket.create_server(("127.0.0.1", port)).close()
            except OSError:
                continue
            until.push(trial.pop_all())
        ports.append(port)
    return ports
