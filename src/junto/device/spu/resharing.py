"""A value moves from one SPU to another of the same program, and nobody sees it on the way.

Each compute party of the first SPU shares its piece of the value among the compute parties of the second,
which add up what they are given and mask it anew (`mpc.protocol.handover`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from junto.device.handle import passage
from junto.device.pyu import PYUObject
from junto.device.spu.engine import IncomingShares, known_at
from junto.device.spu.layout import ArrayLayout, arrived, parse, settled
from junto.device.spu.object import SPUObject
from junto.device.spu.spu_device import SpuDevice
from junto.errors import DeviceError
from junto.execute.executor import Ref
from junto.program.operation import Description


def moved(handle: SPUObject, target: SpuDevice) -> SPUObject:
    """The value of `handle` on the SPU `target`.

    Raises:
        DeviceError: the two belong to different runs; or the value can only be shown.
        RemoteError: the operation that was to make the value failed.
    """
    source, session = handle.device, target.session
    if source is target:
        return handle
    if source.session is not session:
        raise DeviceError(
            f"{handle!r} and {target.name} belong to different runs", fix="make both after the same sf.init"
        )
    program = session.program
    handle.require_usable()
    layout = handle.layout()
    _require_room(layout, source, target)
    operation, index = handle.identity
    stamp = program.begin(Description("share", source.name, target.name, f"#{operation}.{index}"))
    homes = target.engine.homes
    come: list[list[Ref]] = [[] for _ in homes]
    for number, (party, parts) in enumerate(source.engine.depart(stamp, handle, len(homes))):
        for place, (home, part) in enumerate(zip(homes, parts, strict=True)):
            ref: Ref | None = part
            if home != party:
                way = passage(stamp, number * len(homes) + place, "share", party, home)
                ref = program.transfer(way, part)
            if ref is not None and program.is_here(home):
                come[place].append(ref)
    layouts = [known_at(program, home, layout) for home in homes]
    held = target.engine.arrive(stamp, IncomingShares(layouts, come, source.numbers))
    made = SPUObject(session, (stamp.operation, 0), target, held, stamp.text)
    return made.has_layout(arrived(layout, target.numbers))


def _require_room(layout: Any, source: SpuDevice, target: SpuDevice) -> None:
    """Of what fills a smaller ring nobody knows in a larger one whether it was negative.

    Raises:
        DeviceError: it has integers of 64 bits.
    """
    large = [
        leaf
        for leaf in parse(layout)
        if leaf.dtype in ("int64", "uint64")
        and leaf.form(source.numbers).width < settled(leaf, target.numbers).form(target.numbers).width
    ]
    if large:
        raise DeviceError(
            f"{large[0].dtype} fills all bits of {source.settings.ring.name}, the ring of {source.name}: "
            f"its sign would be lost in {target.settings.ring.name}, that of {target.name}",
            fix="bring it to int32 or float64 first, or give both SPUs the same field",
        )


def gathered(pieces: Mapping[str, PYUObject], leaf: ArrayLayout, target: SpuDevice) -> SPUObject:
    """An array of which each compute party has a piece, made outside the SPU.

    Args:
        pieces: by compute party, a handle there of ring elements as they travel, ``[array]``, which add up to
            the value as this SPU holds it. They are there already (`wait`).
        leaf: what all know of the value.
        target: the SPU.
    """
    session = target.session
    program = session.program
    compute = target.settings.compute
    made = " ".join("#{}.{}".format(*pieces[party].identity) for party in compute)
    stamp = program.begin(Description("share", "pieces", target.name, f"{made} {leaf}"))
    layouts: list[Ref | None] = []
    come: list[list[Ref]] = []
    for home, owner in zip(target.engine.homes, [*compute, None], strict=False):
        layouts.append(known_at(program, home, str(leaf)))
        there = known_at(program, home, None) if owner is None else pieces[owner].ref
        come.append([] if there is None else [there])
    held = target.engine.arrive(stamp, IncomingShares(layouts, come, target.numbers))
    return SPUObject(session, (stamp.operation, 0), target, held, stamp.text).has_layout(str(leaf))
