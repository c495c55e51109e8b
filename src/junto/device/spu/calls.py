"""A call of an SPU: arguments to handles, function to plan, plan to an operation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from junto.config.spu_model import SPUCompilerNumReturnsPolicy
from junto.device.handle import DeviceObject
from junto.device.pyu import PYUObject
from junto.device.spu.engine import EngineCall
from junto.device.spu.layout import ArrayLayout, parse, rebuild, texts_of
from junto.device.spu.object import SPUObject
from junto.errors import DeviceError
from junto.program.operation import Description, structure
from junto.tree import map_leaves, paths

if TYPE_CHECKING:
    from junto.device.spu.plans import Planned
    from junto.device.spu.spu import SPU

MOST_FRACTION = 26
"""More bits after the point leave no range for a product."""


@dataclass(frozen=True, slots=True)
class Returns:
    """In which handles a result comes.

    Attributes:
        policy: see `SPUCompilerNumReturnsPolicy`.
        count: how many there must be, with FROM_USER.
    """

    policy: SPUCompilerNumReturnsPolicy = SPUCompilerNumReturnsPolicy.FROM_COMPILER
    count: int = 1

    @property
    def single(self) -> bool:
        """Whether there is one handle for the whole result."""
        return self.policy is SPUCompilerNumReturnsPolicy.SINGLE


@dataclass(frozen=True, slots=True)
class SpuCall:
    """What `SPU.__call__` was told.

    Attributes:
        function: what is to be computed.
        static: its parameters that are part of the program.
        returns: in which handles the result comes.
        fraction: bits after the point with which it computes; None: the SPU's own.
        reveals: names of what it may reveal within; None: nothing will run, so nothing has to be agreed.
    """

    function: Callable[..., Any]
    static: tuple[str, ...]
    returns: Returns
    fraction: int | None
    reveals: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """Of the function, for a person."""
        return getattr(self.function, "__qualname__", type(self.function).__name__)


def checked(
    function: Callable[..., Any],
    static: str | Sequence[str] | None,
    returns: Returns,
    fraction: int | None,
    reveals: str | Sequence[str] | None = None,
) -> SpuCall:
    """The call as one value.

    Raises:
        DeviceError: an option makes no sense.
    """
    if not callable(function):
        raise DeviceError(f"an SPU runs functions; {type(function).__name__} is not callable")
    names = (static,) if isinstance(static, str) else tuple(static or ())
    if fraction is not None and not (_is_whole(fraction) and 1 <= fraction <= MOST_FRACTION):
        raise DeviceError(
            f"fxp_fraction_bits must be a whole number from 1 to {MOST_FRACTION}, not {fraction!r}"
        )
    agreed = None if reveals is None else frozenset([reveals] if isinstance(reveals, str) else reveals)
    if agreed is not None and not all(isinstance(each, str) for each in agreed):
        raise DeviceError("reveals holds the names of what a function may reveal, as in reveals=['loss']")
    return SpuCall(function, names, returns, fraction, agreed)


def returns_of(policy: Any, count: int | None) -> Returns:
    """The two options of SecretFlow as one value; a count alone means FROM_USER.

    Raises:
        DeviceError: an option makes no sense.
    """
    known = {each.value: each for each in SPUCompilerNumReturnsPolicy}
    word = getattr(policy, "value", policy)
    if policy is None:
        chosen = SPUCompilerNumReturnsPolicy.FROM_COMPILER if count is None else known["from_user"]
    elif str(word).lower() not in known:
        raise DeviceError(
            f"num_returns_policy is {policy!r}", fix=f"one of {', '.join(known)}, or leave it out"
        )
    else:
        chosen = known[str(word).lower()]
    if count is not None and not (_is_whole(count) and count >= 1):
        raise DeviceError(f"user_specified_num_returns must be a whole number from 1 on, not {count!r}")
    return Returns(chosen, 1 if count is None else count)


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


@dataclass(frozen=True, slots=True, eq=False)
class SecretInput:
    """One array of a handle."""

    handle: SPUObject
    index: int
    leaf: ArrayLayout


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """An array of which type and shape are known, in place of one when a call is explained."""

    leaf: ArrayLayout
    secret: bool


def run(spu: SPU, call: SpuCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One call; returns handles."""
    structure((args, kwargs), DeviceObject)  # handles without an order are refused before anything is shared
    names = chain(paths(args, "args"), paths(kwargs, "kwargs"))
    args, kwargs = map_leaves(lambda leaf: _shared(spu, leaf, next(names)), (args, kwargs))
    planned, inputs = spu.plans.get(call, *map_leaves(opened, (args, kwargs)))
    layouts = _layouts(call, planned)
    about = f"{call.returns.policy.value}, {call.fraction}, {','.join(sorted(call.reveals or ()))}"
    places = structure((args, kwargs), DeviceObject)
    text = "|".join([places, planned.fingerprint, ",".join(map(_digested, inputs)), about])
    program = spu.session.program
    stamp = program.begin(Description("compute", spu.name, call.name, text, len(layouts)))
    settings, single = spu.numbers.inside(call.fraction), call.returns.single
    work = EngineCall(planned.plan, inputs, settings, single, program.board.heading)
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


def _layouts(call: SpuCall, planned: Planned) -> list[Any]:
    """The layout of each handle.

    Raises:
        DeviceError: the result does not come in the handles that were asked for.
    """
    texts = [str(leaf) for leaf in planned.leaves]
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


def _shared(spu: SPU, leaf: Any, name: str) -> Any:
    """A handle as one on this SPU; everything else as it is."""
    if isinstance(leaf, PYUObject):
        return spu.take(leaf, name)
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


def sources_of(inputs: Sequence[Any]) -> tuple[list[SPUObject], list[Any]]:
    """The handles among a plan's inputs, and for each secret the number of its handle and its place there."""
    handles = list(dict.fromkeys(item.handle for item in inputs if isinstance(item, SecretInput)))
    places = [
        (handles.index(item.handle), item.index) if isinstance(item, SecretInput) else item for item in inputs
    ]
    return handles, places


def _digested(item: Any) -> str:
    """An input, in the plan's order, which is jax's: which secret it is, or what it is."""
    if isinstance(item, SecretInput):
        operation, index = item.handle.identity
        return f"#{operation}.{index}.{item.index}"
    return digest_of(item).hex()


def digest_of(array: Any) -> bytes:
    """Of a public argument: it must be the same at all parties."""
    data = array if isinstance(array, np.ndarray) else _key_data(array)
    state = hashlib.blake2b(f"{array.dtype}{array.shape}|".encode(), digest_size=16)
    state.update(np.ascontiguousarray(data).tobytes())
    return state.digest()


def _key_data(key: Any) -> NDArray[Any]:
    """The numbers of one of jax's random keys."""
    import jax

    return np.asarray(jax.random.key_data(key))
