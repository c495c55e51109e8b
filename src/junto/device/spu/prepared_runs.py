"""What two parties have made ahead: made at their nodes, and taken for a run.

Which entry a run takes the two agree on first, by their fillings' names and the numbers of their first
and last entries: never one below either's first, so an entry that one of them has used or lost is used by
neither.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from junto.device.spu.call_forms import digest_of
from junto.device.spu.correlation_pool import FILL_BYTES, NO_FILL, PoolEntry
from junto.device.spu.engine import EngineCall
from junto.device.spu.node_context import NodeContext
from junto.device.spu.plan_runner import Fresh, stored_preparation
from junto.mpc.plan import Plan
from junto.mpc.preprocess.joint import Preparing, Supply
from junto.mpc.prg import Stream, fresh_key
from junto.mpc.settings import MpcSettings
from junto.net.api import Stamp

log: logging.Logger = logging.getLogger("junto.spu")

_STATE = struct.Struct(f">{FILL_BYTES}sQQ")
AGREEMENT_ROUNDS, AGREEMENT_BYTES = 2, _STATE.size + 1
"""What it costs to agree on an entry, each way."""


def name_of(plan: Plan, settings: MpcSettings, inputs: Sequence[Any]) -> str:
    """Names a call by all that its preparation depends on: plan, numbers, public arguments, equal secrets."""
    state = hashlib.sha256(f"{_version()}|{plan.fingerprint}|{settings}".encode())
    numbers: dict[Any, int] = {}
    for item in inputs:
        if isinstance(item, Fresh):
            state.update(f"|secret {numbers.setdefault(item.key, len(numbers))}".encode())
        else:
            state.update(b"|public " + digest_of(item))
    return state.hexdigest()[:32]


def _version() -> str:
    """Another one may prepare the same plan differently."""
    try:
        return version("junto")
    except PackageNotFoundError:
        return "unknown"


def fill(seat: NodeContext, stamp: Stamp, work: EngineCall, name: str, runs: int) -> None:
    """Make what so many runs need, and keep it."""
    pool, source, wire = seat.pool, seat.source, seat.channels[seat.peer]
    if pool is None or source is None or seat.index is None:
        raise TypeError("only a party of two, with a pool, prepares runs")
    seat.role(stamp)  # what is sent now belongs to this operation
    own = os.urandom(FILL_BYTES)
    other = bytes(wire.exchange([own], FILL_BYTES))
    shelf, before = pool.shelf(name), source.sent
    shelf.begin(hashlib.sha256(b"".join(sorted([own, other]))).digest()[:FILL_BYTES])
    for _ in range(runs):
        key, supply = fresh_key(), Supply()
        preparing = Preparing(seat.index, Stream(key), source, supply, width=seat.width)
        supply.from_steps(stored_preparation(preparing, work.plan, work.inputs, work.settings))
        made = supply.all()
        shelf.put(PoolEntry(key, preparing.next_of_own(), made))
    seat.end()
    log.info("prepared %d runs, %d bytes sent for them", runs, source.sent - before)


def taken(seat: NodeContext, name: str) -> PoolEntry | None:
    """The entry for a run, on which both agree, and which is gone from the disk; None: make it now."""
    pool, wire = seat.pool, seat.channels[seat.peer]
    if pool is None:
        return None
    shelf = pool.shelf(name)
    own = shelf.state()
    theirs = _STATE.unpack(wire.exchange([_STATE.pack(*own)], _STATE.size))
    number = max(own[1], theirs[1])
    entry = None
    if own[0] != theirs[0]:
        log.warning("the pools of the two parties were not filled together, so what a run needs is made now")
    elif own[0] != NO_FILL and number < min(own[2], theirs[2]):
        entry = shelf.take(number)
    agreed = bytes(wire.exchange([b"\1" if entry else b"\0"], 1)) == b"\1"
    return entry if agreed else None
