"""A call of an SPU: arguments to handles, function to plan, plan to an operation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from junto.config.spu_model import SPUCompilerNumReturnsPolicy
from junto.device.handle import DeviceObject
from junto.device.pyu import PYUObject
from junto.device.spu.call_forms import SecretInput, SpuCall, digest_of
from junto.device.spu.engine import EngineCall
from junto.device.spu.layout import ArrayLayout, parse, rebuild, texts_of
from junto.device.spu.object import SPUObject
from junto.device.spu.plans import Planned
from junto.device.spu.spu_device import SpuDevice
from junto.errors import DeviceError
from junto.mpc.settings import NumberForm
from junto.program.operation import Description, structure
from junto.tree import map_leaves, paths


def run(spu: SpuDevice, call: SpuCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One call; returns handles."""
    structure((args, kwargs), DeviceObject)  # handles without an order are refused before anything is shared
    names = chain(paths(args, "args"), paths(kwargs, "kwargs"))
    own = call.own(spu.numbers)
    args, kwargs = map_leaves(lambda leaf: _shared(spu, leaf, next(names), own), (args, kwargs))
    planned, inputs, settings = spu.plans.get(call, *map_leaves(opened, (args, kwargs)))
    layouts = _layouts(call, planned, planned.leaves(settings, own))
    about = (
        f"{call.returns.policy.value}, {call.fraction}, {call.width}, {','.join(sorted(call.reveals or ()))}"
    )
    places = structure((args, kwargs), DeviceObject)
    text = "|".join([places, planned.fingerprint, ",".join(map(_digested, inputs)), about])
    program = spu.session.program
    stamp = program.begin(Description("compute", spu.name, call.name, text, len(layouts)))
    work = EngineCall(planned.plan, inputs, settings, call.returns.single, program.board.heading)
    held = spu.engine.compute(stamp, work)
    handles = [
        SPUObject(spu.session, (stamp.operation, index), spu, part, stamp.text).has_layout(layout)
        for index, (part, layout) in enumerate(zip(held, layouts, strict=True))
    ]
    match call.returns.policy:
        case SPUCompilerNumReturnsPolicy.SINGLE:
            return handles[0]
        case SPUCompilerNumReturnsPolicy.FROM_USER:
            return handles[0] if call.returns.count == 1 else handles
        case SPUCompilerNumReturnsPolicy.FROM_COMPILER:
            return planned.as_tree(handles)


def _layouts(call: SpuCall, planned: Planned, arrays: Sequence[ArrayLayout]) -> list[Any]:
    """The layout of each handle.

    Raises:
        DeviceError: the result does not come in the handles that were asked for.
    """
    texts = list(map(str, arrays))
    if call.returns.single:
        tree = planned.as_tree(texts)
        if texts_of(tree) != texts:
            raise DeviceError(
                f"{call.name} returns more than dicts, lists, tuples and arrays: one handle cannot hold that",
                fix="leave out num_returns_policy: the result is then a tree of handles",
            )
        return [tree]
    if call.returns.policy is SPUCompilerNumReturnsPolicy.FROM_USER and call.returns.count != len(texts):
        raise DeviceError(
            f"{call.name} returns {len(texts)} arrays, not {call.returns.count} (user_specified_num_returns)",
            fix='num_returns_policy="single" returns one handle for all of them',
        )
    return texts


def _shared(spu: SpuDevice, leaf: Any, name: str, own: NumberForm | None) -> Any:
    """A handle as one on this SPU, in the form `own` if it was not there yet; everything else as it is."""
    if isinstance(leaf, PYUObject):
        return spu.take(leaf, name, own)
    if isinstance(leaf, SPUObject) and leaf.device is not spu:
        raise DeviceError(
            f"{name}, {leaf!r}, is an argument of a call on {spu.name}, but does not live there",
            fix="move it, if the parties of that SPU may hold it: x.to(spu)",
        )
    return leaf


def opened(leaf: Any) -> Any:
    """A handle as the tree of its arrays; everything else as it is."""
    if not isinstance(leaf, SPUObject):
        return leaf
    leaf.require_usable()
    layout = leaf.layout()
    return rebuild(layout, [SecretInput(leaf, *each) for each in enumerate(parse(layout))])


def _digested(item: Any) -> str:
    """An input, in the plan's order, which is jax's: which secret it is, or what it is."""
    if isinstance(item, SecretInput):
        operation, index = item.handle.identity
        return f"#{operation}.{index}.{item.index}"
    return digest_of(item).hex()
