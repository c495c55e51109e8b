"""Two parties make ahead what later runs will need, and keep it; a run uses an entry, or makes its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from junto.config.spu_model import SpuSource
from junto.device.spu.call_forms import Described, SecretInput, SpuCall
from junto.device.spu.correlation_pool import CorrelationPool
from junto.device.spu.engine import EngineCall
from junto.device.spu.persistence import Paths, Stages, place_at, places_of
from junto.device.spu.plan_runner import Fresh
from junto.device.spu.plans import Planned
from junto.device.spu.prepared_runs import name_of
from junto.device.spu.spu_device import SpuDevice
from junto.errors import DeviceError
from junto.mpc.protocol.inout import InputKind
from junto.mpc.settings import MpcSettings
from junto.program.operation import Description


def open_pool(spu: SpuDevice, folders: Paths, keys: Paths | None) -> None:
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


def preprocess(
    spu: SpuDevice, call: SpuCall, runs: int, planned: tuple[Planned, MpcSettings], inputs: Sequence[Any]
) -> None:
    """See `SPU.preprocess`; `planned`: the plan and the call's numbers, `inputs`: in the plan's order."""
    _check_source(spu)
    if not spu.has_pool:
        raise DeviceError(
            f"{spu.name} has no pool to keep what is made",
            fix="spu.open_pool({'alice': folder, 'bob': folder})",
        )
    if isinstance(runs, bool) or not isinstance(runs, int) or runs < 1:
        raise DeviceError(f"runs is a number from 1 on, not {runs!r}", fix="runs=10")
    plan, settings = planned[0].plan, planned[1]
    if plan.reveals:
        raise DeviceError(
            f"{call.name} reveals something while it runs, on which what it needs depends",
            fix="call it without; or preprocess the parts before and after as functions of their own",
        )
    if settings.checked:
        raise DeviceError(
            f"{call.name} proves at its end that no number has left its range, so what it needs is not kept",
            fix="let the call make it when it runs, or build the SPU without overflow='error'",
        )
    if any(form is not None and form.width != settings.width for form in settings.given):
        raise DeviceError(
            f"{call.name} takes arguments of two rings, and what it needs is kept for one",
            fix="give it arguments in the SPU's own ring, or let the call make what it needs when it runs",
        )
    wanted = [_wanted(item, number, inputs, settings.width) for number, item in enumerate(inputs)]
    name = name_of(plan, settings, wanted)
    program = spu.session.program
    stamp = program.begin(
        Description("preprocess", spu.name, call.name, f"{planned[0].fingerprint}|{name}|{runs}")
    )
    program.wait(stamp, spu.engine.fill(stamp, EngineCall(plan, wanted, settings, False), name, runs))


def _check_source(spu: SpuDevice) -> None:
    if spu.settings.source is not SpuSource.BOTH_PARTIES:
        raise DeviceError(
            f"{spu.name} does not make its randomness from oblivious transfer, so there is nothing to keep",
            fix="leave it out, or build the SPU of two parties alone",
        )


def _wanted(item: Any, number: int, inputs: Sequence[Any], width: int) -> Any:
    """An argument as `Fresh`, or the public array itself. One handle given twice is one secret."""
    if isinstance(item, SecretInput):
        first = next(
            i
            for i, each in enumerate(inputs)
            if isinstance(each, SecretInput) and (each.handle, each.index) == (item.handle, item.index)
        )
        return Fresh(first, InputKind(item.leaf.dtype == "bool", tuple(item.leaf.shape), width), None)
    if isinstance(item, Described):
        return Fresh(number, InputKind(item.leaf.dtype == "bool", tuple(item.leaf.shape), width), None)
    return item
