"""Two parties make ahead what later runs will need, and keep it; a run uses an entry, or makes its own.

Which entry it is the two agree on first, by their fillings' names and the numbers of their first and last
entries: never one below either's first, so an entry that one of them has used or lost is used by neither.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from junto.config.spu_model import SpuSource
from junto.device.spu.calls import Described, SecretInput, SpuCall, digest_of
from junto.device.spu.correlation_pool import FILL_BYTES, NO_FILL, CorrelationPool, PoolEntry
from junto.device.spu.engine import EngineCall
from junto.device.spu.node_context import NodeContext
from junto.device.spu.persistence import Paths, Stages, place_at, places_of
from junto.device.spu.plan_runner import Fresh, stored_preparation
from junto.errors import DeviceError
from junto.mpc.plan import Plan
from junto.mpc.preprocess.joint import Preparing, Supply
from junto.mpc.prg import Stream, fresh_key
from junto.mpc.protocol.inout import InputKind
from junto.mpc.settings import MpcSettings
from junto.net.api import Stamp
from junto.program.operation import Description

if TYPE_CHECKING:
    from junto.device.spu.spu import SPU

log: logging.Logger = logging.getLogger("junto.spu")

_STATE = struct.Struct(f">{FILL_BYTES}sQQ")
AGREEMENT_ROUNDS, AGREEMENT_BYTES = 2, _STATE.size + 1
"""What it costs to agree on an entry, each way."""


# -------------------------------------------------------------------- what the script says


def open_pool(spu: SPU, folders: Paths, keys: Paths | None) -> None:
    """See `SPU.open_pool`."""
    _check_source(spu)
    places, key_places = places_of(spu, folders), {} if keys is None else places_of(spu, keys)
    stamp = spu.session.program.begin(Description("open pool", spu.name))
    opened: dict[str, CorrelationPool] = {}

    def open_at(party: str) -> None:
        index = spu.settings.compute.index(party)
        opened[party] = CorrelationPool(place_at(places, party), key_places.get(party), index)

    try:
        Stages(spu.session.program, stamp, spu.settings.compute).run(open_at)
    except BaseException:
        for pool in opened.values():
            pool.close()
        raise
    for party, pool in opened.items():
        spu.engine.use_pool(stamp, party, pool)
    spu.has_pool = True


def preprocess(spu: SPU, call: SpuCall, runs: int, planned: tuple[Plan, str], inputs: Sequence[Any]) -> None:
    """See `SPU.preprocess`; `planned`: the plan and its fingerprint, `inputs`: of the plan, in its order."""
    _check_source(spu)
    if not spu.has_pool:
        raise DeviceError(
            f"{spu.name} has no pool to keep what is made",
            fix="spu.open_pool({'alice': folder, 'bob': folder})",
        )
    if isinstance(runs, bool) or not isinstance(runs, int) or runs < 1:
        raise DeviceError(f"runs is a number from 1 on, not {runs!r}")
    plan, text = planned
    if plan.reveals:
        raise DeviceError(
            f"{call.name} reveals something while it runs, on which what it needs depends",
            fix="call it without; or preprocess the parts before and after as functions of their own",
        )
    settings = spu.numbers.inside(call.fraction)
    wanted = [_wanted(item, number, inputs) for number, item in enumerate(inputs)]
    name = name_of(plan, settings, wanted)
    program = spu.session.program
    stamp = program.begin(Description("preprocess", spu.name, call.name, f"{text}|{name}|{runs}"))
    program.wait(stamp, spu.engine.fill(stamp, EngineCall(plan, wanted, settings, False), name, runs))


def _check_source(spu: SPU) -> None:
    if spu.settings.source is not SpuSource.BOTH_PARTIES:
        raise DeviceError(
            f"{spu.name} does not make its randomness from oblivious transfer, so there is nothing to keep",
            fix="leave it out, or build the SPU of two parties alone",
        )


def _wanted(item: Any, number: int, inputs: Sequence[Any]) -> Any:
    """An argument as `Fresh`, or the public array itself. One handle given twice is one secret."""
    if isinstance(item, SecretInput):
        first = next(
            i
            for i, each in enumerate(inputs)
            if isinstance(each, SecretInput) and (each.handle, each.index) == (item.handle, item.index)
        )
        return Fresh(first, InputKind(item.leaf.dtype == "bool", tuple(item.leaf.shape)), None)
    if isinstance(item, Described):
        return Fresh(number, InputKind(item.leaf.dtype == "bool", tuple(item.leaf.shape)), None)
    return item


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


# -------------------------------------------------------------------- what runs in the nodes' threads


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
        preparing = Preparing(seat.index, Stream(key), source, supply)
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
