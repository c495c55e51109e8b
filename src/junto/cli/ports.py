"""Ports of this machine for parties that start in a moment."""

import secrets
import socket
from contextlib import ExitStack

from junto.errors import ListenError

_FIRST, _COUNT = 20_000, 12_000
"""Below the ports that systems hand out: nobody who asks for any port is given one of these."""

_TRIES = 1000
"""So many ports are tried for each one that is wanted: if none of them can be had, no other one can."""


def claim(count: int, until: ExitStack) -> list[int]:
    """Free loopback ports for TCP, which nobody else who claims ports here is given before `until` closes.

    The claim is a UDP socket of the same number: the system gives it to one process alone and takes
    it back when that process ends, however it ends.

    Raises:
        ListenError: none can be had, as where the machine lets nobody listen or has no more open files.
    """
    return [_claim_one(until) for _ in range(count)]


def _claim_one(until: ExitStack) -> int:
    trouble: OSError | None = None
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_COUNT)
        with ExitStack() as trial:
            try:
                mark = trial.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                mark.bind(("127.0.0.1", port))
                socket.create_server(("127.0.0.1", port)).close()
            except OSError as error:
                trouble = error
                continue
            until.push(trial.pop_all())
            return port
    raise ListenError(
        f"no port of 127.0.0.1 can be listened at ({trouble})",
        fix="see whether this machine lets programs listen, and has open files left (ulimit -n)",
    ) from trouble
