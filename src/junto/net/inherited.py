"""What a forked child has of this process's connections: nothing that works.

gRPC's own handlers for forks are switched off (see `grpc_carrier`); so a child has copies of all sockets, and
gives ours up.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Set
from contextlib import suppress


def let_go(ports: Set[int]) -> None:
    """In a child: give up each TCP socket with one of `ports` at either end.

    Otherwise a child that outlives the party would keep its port bound and its connections open. The sockets'
    numbers lead nowhere afterwards, rather than to whatever is opened next: gRPC's objects in the child still
    have them, and what these do when they are collected must not reach the parent's connections.
    """
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # gone meanwhile, or not connected
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode) and _ports(int(name)) & ports:
                os.dup2(nowhere, int(name), inheritable=False)
    os.close(nowhere)


def _ports(descriptor: int) -> set[int]:
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.family not in (socket.AF_INET, socket.AF_INET6):
            return set()
        found = {copy.getsockname()[1]}
        with suppress(OSError):  # one that listens has no other end
            found.add(copy.getpeername()[1])
        return found
